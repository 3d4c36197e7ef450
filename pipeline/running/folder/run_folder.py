"""One run at a time in a run folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class RunFolderBusy(Exception):
    """Another run of the same pipeline is under way."""


@contextmanager
def exclusive(folder: Path, *, on_wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Lock the run folder: SQLite metadata does not survive two writers.

    The lock is advisory, on the folder itself, and ends with the process, so it never has to be removed.

    Args:
        folder: the run folder; created if it does not exist.
        on_wait: called with a line if another process has locked the folder; then waits for its end. None: refuses.

    Raises:
        RunFolderBusy: another process has locked it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if not _lock(descriptor):
            who = _holder(descriptor)
            if on_wait is None:
                raise RunFolderBusy(f"another run uses {folder}{who}; add --wait, or use --set runs=OTHER.")
            on_wait(f"another run uses {folder}{who}; waiting for its end.")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether another process has locked the folder or the file."""
    if not path.exists():
        return False
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return not _lock(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> str:
    """The process with the lock, where the system tells: not across machines and containers."""
    status = os.fstat(descriptor)
    file = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    locks = Path("/proc/locks")
    for words in (line.split() for line in locks.read_text().splitlines()) if locks.exists() else ():
        if words[1] == "FLOCK" and words[5] == file:
            return f" (process {words[4]})"
    return ""
