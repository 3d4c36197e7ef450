"""``python -m tests.soak``: minutes of load with reloads, label moves and TLS; exit code 1 if something went wrong."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from tests.soak.soaking import soak

_MOST_GROWTH_MB = 30.0


def main() -> int:
    """Print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600.0, help="duration (default: 600)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = soak(Path(folder), seconds=options.seconds)
    print(result.line(), flush=True)
    for error in result.errors[:5]:
        print(error, file=sys.stderr)
    return 1 if result.errors or not result.reloads or result.growth_mb() > _MOST_GROWTH_MB else 0


if __name__ == "__main__":
    sys.exit(main())
