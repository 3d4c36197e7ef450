"""Temporary files of a run, in a place of their own: what a killed run left there can be told from others' files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import util
from pathlib import Path

_VARIABLE = "TMPDIR"
# multiprocessing keeps sockets below the temporary folder, whose paths may have 107 bytes.
_LONGEST = 107 - len("/pymp-xxxxxxxx/listener-xxxxxxxx")
_SOCKETS = "pymp-"


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """While open, this process and its children create their temporary files in ``folder``.

    Beam, TFX and the trainer take the system's temporary folder, which ``TMPDIR`` names. Sockets go to the former one
    if the path is too long for them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if len(os.fsencode(folder)) > _LONGEST:
        util.get_temp_dir()
    former = os.environ.get(_VARIABLE)
    _use(str(folder))
    try:
        yield
    finally:
        _use(former)
        # The sockets serve until the process ends, which removes them.
        empty(folder, but=_SOCKETS)


def empty(folder: Path, *, but: str | None = None) -> None:
    """Remove what is in the folder, except names that begin with ``but``. The folder may be a link and stays."""
    for path in leftovers(folder):
        if but is None or not path.name.startswith(but):
            remove(path)


def leftovers(folder: Path) -> list[Path]:
    """What is in the folder."""
    return sorted(folder.iterdir()) if folder.is_dir() else []


def remove(path: Path) -> None:
    """Remove a file or a folder; it may be gone already."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _use(folder: str | None) -> None:
    if folder is None:
        os.environ.pop(_VARIABLE, None)
    else:
        os.environ[_VARIABLE] = folder
    # Python remembers the folder.
    tempfile.tempdir = None
