"""Parquet files and Arrow's file format, read in record batches of bounded size."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
from pyarrow import parquet

from components.example_gen.reading import FileFormat
from components.messages import one_line
from components.refusal import GateRefused

# Limits of one decoded batch; beyond some thousand rows it gets no faster.
_ROWS = 4096
_BYTES = 8 * 2**20


def schema(path: str, kind: FileFormat, stream: BinaryIO) -> pa.Schema:
    """Names and types of the columns, without an index that pandas wrote without a name.

    Raises:
        GateRefused: the file is damaged or of another format.
    """
    with readable(path, kind):
        found = _parquet_file(stream).schema_arrow if kind == "parquet" else _arrow_file(stream).schema
        return pa.schema([found.field(place) for place in _places(found)])


def count(stream: BinaryIO, kind: FileFormat) -> int:
    """How many parts can be read on their own: row groups or record batches."""
    return _parquet_file(stream).num_row_groups if kind == "parquet" else _arrow_file(stream).num_record_batches


def rows_before(stream: BinaryIO, kind: FileFormat, part: int) -> int:
    """How many rows stand before a part."""
    if kind == "parquet":
        metadata = _parquet_file(stream).metadata
        return sum(metadata.row_group(index).num_rows for index in range(part))
    file = _arrow_file(stream)
    return sum(file.get_batch(index).num_rows for index in range(part))


def record_batches(
    stream: BinaryIO, kind: FileFormat, first: int, stop: int | None, *, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of the parts ``first`` to ``stop``, some thousand at a time.

    Args:
        stream: the file.
        kind: its format.
        first: index of the first part.
        stop: index after the last one; None reads to the end.
        columns: the columns that are wanted; None for those of `schema`.
    """
    batches = _parquet(stream, first, stop, columns) if kind == "parquet" else _arrow(stream, first, stop)
    for batch in batches:
        places = _places(batch.schema) if columns is None else list(columns)
        yield batch if len(places) == batch.num_columns else batch.select(places)


@contextlib.contextmanager
def readable(path: str, kind: FileFormat) -> Iterator[None]:
    """Turn Arrow's errors about a file into a refusal."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = one_line(" ".join(str(error).split()), limit=150)
        raise GateRefused(f"{path} is not a complete {kind.title()} file ({reason}); write it again.") from error


def _parquet_file(stream: BinaryIO) -> parquet.ParquetFile:
    # Checksums are verified where the file has them.
    return parquet.ParquetFile(stream, page_checksum_verification=True)


def _arrow_file(stream: BinaryIO) -> pa.ipc.RecordBatchFileReader:
    # Checked first: after pyarrow opens something else, the process may abort at its exit.
    stream.seek(0)
    if stream.read(6) != b"ARROW1":
        raise pa.ArrowInvalid("it may be in the stream format")
    stream.seek(0)
    return pa.ipc.open_file(stream)


def _places(found: pa.Schema) -> list[int]:
    """Where the columns are that are no index of pandas."""
    try:
        described = json.loads((found.metadata or {}).get(b"pandas", b"{}"))["index_columns"]
        unnamed = {name for name in described if isinstance(name, str) and re.fullmatch(r"__index_level_\d+__", name)}
    except (ValueError, KeyError, TypeError):
        # pandas' metadata may be no JSON, and then says nothing of the table.
        unnamed = set()
    return [place for place, name in enumerate(found.names) if name not in unnamed]


def _parquet(stream: BinaryIO, first: int, stop: int | None, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    file = _parquet_file(stream)
    for index in range(first, file.num_row_groups if stop is None else stop):
        group = file.metadata.row_group(index)
        rows = _bounded_rows(group.total_byte_size, group.num_rows)
        yield from file.iter_batches(batch_size=rows, row_groups=[index], columns=columns, use_threads=False)


def _arrow(stream: BinaryIO, first: int, stop: int | None) -> Iterator[pa.RecordBatch]:
    file = _arrow_file(stream)
    for index in range(first, file.num_record_batches if stop is None else stop):
        batch = file.get_batch(index)
        _check_layout(batch)
        rows = _bounded_rows(batch.get_total_buffer_size(), batch.num_rows)
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)


def _check_layout(batch: pa.RecordBatch) -> None:
    """Arrow takes offsets and indices as they stand in a file; one that is damaged would lead beyond its memory.

    Raises:
        pa.ArrowInvalid: an offset or index is out of bounds.
    """
    for column in batch.columns:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as error:
            # What is no text is said later, with the row.
            if "UTF8" not in str(error):
                raise


def _bounded_rows(size: int, rows: int) -> int:
    return max(1, min(_ROWS, _BYTES * rows // max(size, 1)))
