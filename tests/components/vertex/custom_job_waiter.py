"""Waits for the custom job of the options (JSON) and the name in its arguments, until somebody ends the process."""

import sys

from components.vertex.custom_job import CustomJobRun
from components.vertex.custom_job_options import CustomJobOptions

if __name__ == "__main__":
    options = CustomJobOptions.model_validate_json(sys.argv[1])
    CustomJobRun(options, name=sys.argv[2], poll_seconds=0.05).run(["python"], is_made=lambda: False)
