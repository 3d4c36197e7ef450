"""A folder of pictures by class, as a table: ``cats/1.png`` is a row with this path, and with ``cats`` as the label."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from components.refusal import GateRefused

PICTURE = "picture"
_ROWS = 256


def root(paths: Sequence[str]) -> str:
    """The folder of the classes' folders, as a message names it."""
    return posixpath.dirname(posixpath.dirname(paths[0]))


def check_classes(folders: Iterable[str], paths: Sequence[str]) -> None:
    """Refuse a class without pictures, of which nothing could be learnt.

    Args:
        folders: where folders of classes may be; files, hidden folders and buckets, which have no empty ones, do not
            count.
        paths: all pictures.

    Raises:
        GateRefused: names the folder.
    """
    filled = {posixpath.dirname(path) for path in paths}
    for folder in sorted(each.rstrip("/") for each in folders):
        if folder not in filled and not Path(folder).name.startswith(".") and Path(folder).is_dir():
            raise GateRefused(f"{folder} has no pictures; add some, or remove the folder.")


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
