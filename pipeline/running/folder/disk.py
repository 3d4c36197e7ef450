"""A disk that is full or read-only: TensorFlow, Beam and SQLite each say it in their own way, or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TEXTS = (
    *(os.strerror(number) for number in _FULL),
    "database or disk is full",
    "disk I/O error",
    # SQLite has undone the transaction by itself, which it does when it cannot write.
    "cannot commit - no transaction is active",
)
_LITTLE = 1 << 20


class NotWritable(Exception):
    """The folder cannot be written; one line."""


def check_writable(folder: Path) -> None:
    """Write a little into the folder, which is created if it does not exist.

    Raises:
        NotWritable: it cannot be written, and the run would fail somewhere in its middle.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
    except OSError as error:
        if error.errno in _FULL:
            raise NotWritable(full(folder)) from None
        raise NotWritable(
            f"runs: {folder} cannot be written ({error.strerror}); choose another with --set runs=OTHER."
        ) from None


def full(folder: Path) -> str:
    """The line about a full disk."""
    return (
        f"the disk is full: {_free(folder) / 1e6:,.1f} MB are free at {folder}. Free some space or use --set "
        "runs=OTHER, and run again; finished nodes come from the cache."
    )


def is_full(error: BaseException, folder: Path) -> bool:
    """Whether an error comes from a full disk."""
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return True
        if any(text.lower() in str(cause).lower() for text in _TEXTS):
            return True
    return _free(folder) < _LITTLE


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _free(folder: Path) -> int:
    """Bytes that can be written; none if there is no room for another file."""
    try:
        state = os.statvfs(folder)
    except OSError:
        return _LITTLE
    return 0 if state.f_files and not state.f_favail else state.f_bavail * state.f_frsize
