"""Named pipes, sockets and devices where files belong: whoever opens one waits for ever."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pipeline.running.folder import scratch
from pipeline.running.recovery.problems import Problem

_FILES = (stat.S_ISREG, stat.S_ISDIR)


def find(folder: Path, *, but: Path) -> Iterator[Problem]:
    """The entries below a folder that are neither files nor folders.

    Args:
        folder: the folder; it may be missing.
        but: a folder in it that may hold such entries.
    """
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(parent, name) != but]
        for name in names:
            path = Path(parent, name)
            if is_special(path):
                yield Problem(
                    kind="special file",
                    where=str(path),
                    what="is a named pipe, a socket or a device, which cannot be read as a file",
                    fix="remove it",
                    repair=lambda path=path: scratch.remove(path),
                )


def is_special(path: Path) -> bool:
    """Whether something is there that is neither a file nor a folder."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not any(is_kind(mode) for is_kind in _FILES)
