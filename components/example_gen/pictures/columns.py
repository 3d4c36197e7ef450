"""Columns that hold the paths of picture files: rows with the pictures' bytes in their place, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa

from components.example_gen.pictures.files import NoPicture, content, is_picture, leads_out, located
from components.example_gen.readers.values import BadValue
from components.messages import one_line, shown

# Files of a bucket come one by one only as fast as its answers.
_THREADS = 8
_ROWS = 16
_BYTES = 8 * 2**20


def with_content(
    batch: pa.RecordBatch, names: Sequence[str], *, folder: str | None, wanted: np.ndarray
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The rows in order, some at a time, each part with the index of its first row in the batch.

    Args:
        batch: rows of a table.
        names: the columns of paths. A missing or empty one is a missing picture.
        folder: the folder that relative paths begin in; None if they begin nowhere.
        wanted: bool ``[rows]``; the files of other rows are not read, and are missing in what is returned.

    Raises:
        BadValue: a path names no picture.
    """
    paths = {name: list(_paths(name, batch.column(name), folder, wanted)) for name in names}
    start, size = 0, 0
    read: dict[str, list[bytes | None]] = {name: [] for name in names}
    with ThreadPoolExecutor(_THREADS) as pool:
        for stop in (*range(_ROWS, batch.num_rows, _ROWS), batch.num_rows):
            for name, found in paths.items():
                rows = range(start + len(read[name]), stop)
                read[name] += pool.map(_content, [name] * len(rows), rows, [found[row] for row in rows])
                size += sum(len(data or b"") for data in read[name][-len(rows) :])
            if size >= _BYTES or stop == batch.num_rows:
                yield start, _replaced(batch.slice(start, stop - start), read)
                start, size, read = stop, 0, {name: [] for name in names}


def _paths(name: str, column: pa.Array, folder: str | None, wanted: np.ndarray) -> Iterator[tuple[str, str] | None]:
    """The value and the place of each file; None for rows without one."""
    for row, (value, is_wanted) in enumerate(zip(column.to_pylist(), wanted, strict=True)):
        if not value or not is_wanted:
            yield None
            continue
        text = _text(name, row, value)
        if leads_out(folder, text):
            reason = f"is {shown(text)}, which leads out of the table's folder; write an absolute path or a URI"
            raise BadValue(name, row, reason)
        path = located(folder, text)
        if path is None:
            reason = f"is {shown(text)}, a relative path, but there is no folder for it to begin in"
            raise BadValue(name, row, f"{reason}; write an absolute path or a URI")
        yield text, path


def _text(name: str, row: int, value: object) -> str:
    if isinstance(value, bytes):
        if is_picture(value):
            reason = "holds a picture, but data.pictures says that it holds the paths of files; drop it there"
            raise BadValue(name, row, reason)
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise BadValue(name, row, f"is {shown(value)}, which is no path in UTF-8; correct it") from None
    return str(value)


def _content(name: str, row: int, named: tuple[str, str] | None) -> bytes | None:
    if named is None:
        return None
    value, path = named
    try:
        return content(path)
    except NoPicture as error:
        # The end of a path says most.
        raise BadValue(name, row, f"is {shown(one_line(value, limit=120), limit=120)}, {error}") from None


def _replaced(batch: pa.RecordBatch, read: dict[str, list[bytes | None]]) -> pa.RecordBatch:
    columns = [
        pa.array(read[name], pa.large_binary()) if name in read else batch.column(name) for name in batch.schema.names
    ]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)
