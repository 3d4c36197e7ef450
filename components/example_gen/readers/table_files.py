"""Tables in files, read in pieces of bounded size: CSV, Parquet and Arrow's file format."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from components.example_gen.readers import arrow_files, csv_files
from components.example_gen.readers.schemas import check_schemas
from components.example_gen.readers.values import BadValue, cleaned
from components.example_gen.reading import FileFormat, Reading, data_files
from components.messages import one_line, shown
from components.refusal import GateRefused

# What one worker of an engine reads at a time.
_PIECE_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Piece:
    """What one worker reads: a file, or consecutive row groups (Parquet) or record batches (Arrow) of one.

    Attributes:
        path: path or URI of the file.
        first: index of the first row group or record batch.
        stop: index after the last one; None reads to the end.
    """

    path: str
    first: int = 0
    stop: int | None = None


def find(pattern: str, kind: FileFormat) -> list[str]:
    """The files of a format that match a glob pattern, in order.

    Raises:
        GateRefused: no file matches, or one is no file, such as a named pipe, which would wait for ever.
    """
    from tfx.dsl.io import fileio

    paths = data_files(pattern, sorted(map(os.fsdecode, fileio.glob(pattern))), kind)
    if not paths:
        raise GateRefused(f"no file matches {pattern}; check data.path and data.format")
    for path in paths:
        if "://" not in path and not Path(path).is_file():
            raise GateRefused(f"{path} is not a regular file; remove it, or name the data by data.files.")
    return paths


def pieces(path: str, reading: Reading) -> list[Piece]:
    """Split a file into parts of about 64 MB that can be read in parallel; in order, they hold all its rows."""
    if reading.kind not in ("parquet", "arrow"):
        # A newline may be inside quotes, so reading cannot begin in the middle.
        return [Piece(path)]
    with open_file(path) as stream, arrow_files.readable(path, reading.kind):
        count = arrow_files.count(stream, reading.kind)
        parts = min(count, -(-stream.seek(0, io.SEEK_END) // _PIECE_BYTES))
    bounds = [count * part // parts for part in range(parts + 1)] if parts else []
    return [Piece(path, first, stop) for first, stop in itertools.pairwise(bounds)]


def record_batches(piece: Piece, reading: Reading, types: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    """The rows of a piece, some thousand at a time, with `values.cleaned` values.

    Args:
        piece: what to read.
        reading: how to read it.
        types: types of a CSV file's columns, see `csv_cells`; other formats store theirs.

    Raises:
        GateRefused: the file cannot be read; names the problem and the file, and the row and column where known.
    """
    rows = 0
    try:
        for batch in _raw_batches(piece, reading, types):
            yield cleaned(batch, reading.integers, weight=reading.weight)
            rows += batch.num_rows
    except BadValue as error:
        raise refused(error, piece, reading, rows=rows) from None
    except pa.ArrowException as error:
        # Such as an index that no value of a dictionary has.
        reason = one_line(" ".join(str(error).split()), limit=150)
        before = _rows_before(piece, reading) + rows
        raise GateRefused(f"{piece.path}, after row {before}: it is damaged ({reason}); write it again.") from error


def refused(error: BadValue, piece: Piece, reading: Reading, *, rows: int) -> GateRefused:
    """The refusal of a value, with its place.

    Args:
        error: the value.
        piece: where it is.
        reading: how the piece is read.
        rows: int, how many rows of the piece stand before its batch.
    """
    row = _rows_before(piece, reading) + rows + error.index + 1
    return GateRefused(f"{place(piece.path, row, reading)}: {shown(error.column)} {error.reason}.")


def place(path: str, row: int, reading: Reading) -> str:
    """A file and a row of it in words; the first row is 1."""
    return f"{path}, row {row:d}{' after the header' if reading.kind == 'csv' else ''}"


def column_types(paths: Sequence[str], reading: Reading) -> dict[str, str]:
    """The types of the columns of CSV files; empty for other tables, whose types are only checked.

    Raises:
        GateRefused: the files differ in their columns or types, or a column cannot be used as the config says.
    """
    if reading.kind == "csv":
        return csv_files.column_types(paths, open_file, reading)
    check_schemas(schemas(paths, reading), reading)
    return {}


def schemas(paths: Sequence[str], reading: Reading) -> Iterator[tuple[str, pa.Schema]]:
    """Path and schema of each Parquet or Arrow file."""
    for path in paths:
        with open_file(path) as stream:
            yield path, arrow_files.schema(path, reading.kind, stream)


def open_file(path: str) -> BinaryIO:
    """Open a path or a URI for reading bytes."""
    if "://" not in path:
        return Path(path).open("rb")
    # Here, so that a table on this machine is read without Beam.
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    # Arrow needs a full Python file object, which Beam's streams are and TensorFlow's are not.
    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)


def _raw_batches(piece: Piece, reading: Reading, types: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    if reading.kind == "csv":
        yield from csv_files.record_batches(piece.path, open_file, types, reading)
    else:
        with open_file(piece.path) as stream, arrow_files.readable(piece.path, reading.kind):
            yield from arrow_files.record_batches(stream, reading.kind, piece.first, piece.stop)


def _rows_before(piece: Piece, reading: Reading) -> int:
    """How many rows of the file stand before the piece."""
    if not piece.first:
        return 0
    with open_file(piece.path) as stream:
        return arrow_files.rows_before(stream, reading.kind, piece.first)
