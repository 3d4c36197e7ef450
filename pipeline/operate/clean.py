"""``python -m pipeline clean``: start over. What is served stays, and is the baseline of the next run."""

from __future__ import annotations

import argparse
import shutil
import sys

from pipeline.config.config import Config
from pipeline.running.folder.run_folder import RunFolderBusy, exclusive

# Folders in the run folder that others read, model servers and devices, and what was learnt of what they answered.
_SERVED = frozenset(
    {
        "serving",
        "serving_lite",
        "deploy",
        "watch",  # part: watch
    }
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument(
        "--served", action="store_true", help="also remove the served versions, the deploy files and the watch"
    )


def run(config: Config, options: argparse.Namespace) -> int:
    """Remove artifacts, metadata, checkpoints, logs and report; returns 0, or 1 while a run uses them."""
    folder = config.run_folder
    try:
        with exclusive(folder):
            for path in folder.iterdir():
                if options.served or path.name not in _SERVED:
                    if path.is_dir() and not path.is_symlink():
                        shutil.rmtree(path)
                    else:
                        path.unlink()
    except RunFolderBusy as error:
        print(error, file=sys.stderr)
        return 1
    if config.metadata:
        print(f"{config.metadata}: keeps the records of earlier runs; drop the database to remove them, too")
    kept = "" if options.served else f"; what is served stays in {config.serving_folder} (--served removes it, too)"
    print(f"{folder}: removed what runs made{kept}")
    return 0
