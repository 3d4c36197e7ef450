"""One run at a time in a run folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class RunFolderBusy(Exception):
    """Another run of the same pipeline is under way."""


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Lock the run folder: SQLite metadata does not survive two writers.

    The lock is advisory, on the folder itself, and ends with the process.

    Raises:
        RunFolderBusy: another process has locked it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunFolderBusy(f"another run uses {folder}; wait for it, or use --set runs=OTHER.") from None
        yield
    finally:
        os.close(descriptor)
