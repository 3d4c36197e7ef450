"""A folder that appears when all of it is written."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class OutputNotFree(Exception):
    """The output cannot be written where it is to be; the message is one line."""


@contextmanager
def appearing(output: Path) -> Iterator[Path]:
    """A hidden folder beside ``output``, which takes its name at the end, and is removed after an error.

    What a killed process left there is removed by the next one; a lock marks one that is at work.

    Raises:
        OutputNotFree: the folder has something in it, or cannot be made, or another process is writing it.
    """
    output = output.resolve()
    check_empty(output)
    made = output.parent / f".{output.name}.unfinished"
    try:
        made.mkdir(parents=True, exist_ok=True)
        lock = os.open(made, os.O_RDONLY)
    except OSError as error:
        raise OutputNotFree(f"--output: {made} cannot be made ({error.strerror})") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputNotFree(
                f"--output: another process is writing {output}; wait for it, or choose another"
            ) from None
        _empty(made)
        try:
            yield made
            check_empty(output)
            made.rename(output)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
    finally:
        os.close(lock)


def check_empty(output: Path) -> None:
    """Refuse a folder with something in it.

    Raises:
        OutputNotFree: see above.
    """
    if output.exists() and not output.is_dir():
        raise OutputNotFree(f"--output: {output} is a file; name a folder")
    if output.is_dir() and next(output.iterdir(), None) is not None:
        raise OutputNotFree(f"--output: {output} is not empty; name a new folder, or empty it")


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
