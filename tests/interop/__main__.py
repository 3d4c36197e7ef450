"""``python -m tests.interop``: each tool against a server of its own; a line for each, and exit code 1 if one fails."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tests.conformance import models
from tests.interop import checks
from tests.interop.tools import Missing
from tests.serving.support.running import RunningServer


def main() -> int:
    """Print ``ok``, ``skipped`` with the reason, or ``FAILED`` with what was seen, for each tool."""
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "models"
        models.write(folder)
        flags = [*models.FLAGS, f"--model_config_file={folder}/models.config", "--enable_grpc_healthcheck_service"]
        flags += ["--enable_kserve_v2"]  # part: kserve
        flags += ["--rest_api_port=-1"]  # part: rest
        with RunningServer(*flags) as server:
            for name, check in checks.ALL.items():
                try:
                    print(f"{name:<40} ok       {check(server, Path(scratch))}", flush=True)
                except Missing as reason:
                    print(f"{name:<40} skipped  {reason}", flush=True)
                except Exception as error:
                    failed += 1
                    print(f"{name:<40} FAILED   {type(error).__name__}: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
