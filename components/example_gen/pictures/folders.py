"""A folder of pictures by class, as a table: ``cats/1.png`` is a row with this path, and with ``cats`` as the label."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

import pyarrow as pa

PICTURE = "picture"
_ROWS = 256


def root(paths: Sequence[str]) -> str:
    """The folder of the classes' folders, as a message names it."""
    return posixpath.dirname(posixpath.dirname(paths[0]))


def bounds(paths: Sequence[str]) -> list[tuple[int, int]]:
    """The first picture, and the one after the last, of what one worker reads at a time."""
    return [(start, min(start + _ROWS, len(paths))) for start in range(0, len(paths), _ROWS)]


def rows(paths: Sequence[str], label: str) -> Iterator[pa.RecordBatch]:
    """Some pictures at a time.

    Args:
        paths: the files.
        label: the column of the names of their folders.
    """
    for start, stop in bounds(paths):
        some = paths[start:stop]
        classes = [posixpath.basename(posixpath.dirname(path)) for path in some]
        yield pa.record_batch({PICTURE: pa.array(some, pa.string()), label: pa.array(classes, pa.string())})
