"""Waits for the custom job of the options (JSON) and the name in its arguments, until somebody ends the process."""

import sys

from components.vertex.custom_job import CustomJob
from components.vertex.custom_job_options import JobOptions

if __name__ == "__main__":
    options = JobOptions.model_validate_json(sys.argv[1])
    CustomJob(options, name=sys.argv[2], poll_seconds=0.05).run(["python"], is_made=lambda: False)
