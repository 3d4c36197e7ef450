"""Refuses files that are too large for a repository: ``python -m tests.project.large_files FILE...``."""

import sys
from pathlib import Path

LIMIT_BYTES = 1_000_000
# The example's data.
ALLOWED = {"data/taxi/trips.csv"}


def main(files: list[str]) -> int:
    """The number of files that are too large."""
    large = {file: size for file in files if (size := Path(file).stat().st_size) > LIMIT_BYTES and file not in ALLOWED}
    for file, size in large.items():
        print(f"{file}: {size / 1e6:.1f} MB is above the limit of {LIMIT_BYTES / 1e6:.0f} MB; keep it outside of git.")
    return len(large)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) > 0)
