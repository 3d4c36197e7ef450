"""Tables in files, read in pieces of bounded size: CSV, Parquet and Arrow's file format."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from pyarrow import parquet
from tfx.dsl.io import fileio

from components.example_gen import csv_files
from components.example_gen.encoding import UnsupportedColumn, feature_type
from components.refusal import GateRefused

TableFormat = Literal["csv", "parquet", "arrow"]
# Limits of one decoded batch; beyond some thousand rows it gets no faster.
_ROWS = 4096
_BYTES = 8 * 2**20
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


def find(pattern: str) -> list[str]:
    """The files that match a glob pattern, in order.

    Raises:
        GateRefused: no file matches.
    """
    paths = sorted(map(os.fsdecode, fileio.glob(pattern)))
    if not paths:
        raise GateRefused(f"no file matches {pattern}; check data.path and data.format")
    return paths


def pieces(path: str, kind: TableFormat) -> list[Piece]:
    """Split a file into parts of about 64 MB that can be read in parallel; in order, they hold all its rows."""
    if kind == "csv":
        # A newline may be inside quotes, so reading cannot begin in the middle.
        return [Piece(path)]
    with _open(path) as stream, _readable(path, kind):
        if kind == "parquet":
            count = parquet.ParquetFile(stream).num_row_groups
        else:
            count = pa.ipc.open_file(stream).num_record_batches
        parts = min(count, -(-stream.seek(0, io.SEEK_END) // _PIECE_BYTES))
    bounds = [count * part // parts for part in range(parts + 1)] if parts else []
    return [Piece(path, first, stop) for first, stop in itertools.pairwise(bounds)]


def record_batches(piece: Piece, kind: TableFormat, types: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    """The rows of a piece, some thousand at a time.

    Args:
        piece: what to read.
        kind: the file's format.
        types: types of a CSV file's columns, see `components.example_gen.csv_files`; other formats store theirs.

    Raises:
        GateRefused: the file cannot be read; names the problem and the file, and the row and column where known.
    """
    if kind == "csv":
        with _open(piece.path) as stream:
            yield from csv_files.record_batches(piece.path, stream, types)
        return
    with _open(piece.path) as stream, _readable(piece.path, kind):
        yield from (_parquet if kind == "parquet" else _arrow)(stream, piece)


def column_types(paths: list[str], kind: TableFormat, known: Mapping[str, str]) -> dict[str, str]:
    """The types of the columns of CSV files: the known ones, and for other columns the type that fits all values.

    Raises:
        GateRefused: the files differ in their columns or types, or one has a type that a tf.Example cannot hold.
    """
    if kind != "csv":
        _check_types(paths, kind)
        return {}
    names = csv_files.header(paths[0], _open)
    for path in paths[1:]:
        if csv_files.header(path, _open) != names:
            raise GateRefused(f"{path} and {paths[0]} differ in their columns or the order of them.")
    types = {name: known[name] for name in names if known.get(name, "TYPE_UNKNOWN") != "TYPE_UNKNOWN"}
    for name, wanted in types.items():
        if wanted not in csv_files.TYPES:
            raise GateRefused(f"the schema says that {name} is {wanted}, which a CSV file cannot hold; make it BYTES.")
    if unknown := [name for name in names if name not in types]:
        types |= csv_files.inferred_types(paths, _open, unknown)
    return types


def _check_types(paths: list[str], kind: TableFormat) -> None:
    """Refuse files in which a column has different types: later nodes would read nonsense."""
    first: dict[str, tuple[str, pa.DataType]] = {}
    for path in paths:
        with _open(path) as stream, _readable(path, kind):
            schema = parquet.read_schema(stream) if kind == "parquet" else pa.ipc.open_file(stream).schema
        for field in schema:
            try:
                found = feature_type(field.name, field.type)
            except UnsupportedColumn as error:
                raise UnsupportedColumn(f"{path}: {error.reason}") from None
            before, wanted = first.setdefault(field.name, (path, found)) if found else (path, None)
            if found != wanted:
                raise GateRefused(
                    f"column {field.name!r} is {found} in {path} but {wanted} in {before}; write one type to all files."
                )


def _parquet(stream: BinaryIO, piece: Piece) -> Iterator[pa.RecordBatch]:
    file = parquet.ParquetFile(stream)
    for index in range(piece.first, file.num_row_groups if piece.stop is None else piece.stop):
        group = file.metadata.row_group(index)
        rows = _bounded_rows(group.total_byte_size, group.num_rows)
        yield from file.iter_batches(batch_size=rows, row_groups=[index], use_threads=False)


def _arrow(stream: BinaryIO, piece: Piece) -> Iterator[pa.RecordBatch]:
    file = pa.ipc.open_file(stream)
    for index in range(piece.first, file.num_record_batches if piece.stop is None else piece.stop):
        batch = file.get_batch(index)
        rows = _bounded_rows(batch.get_total_buffer_size(), batch.num_rows)
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)


def _bounded_rows(size: int, rows: int) -> int:
    return max(1, min(_ROWS, _BYTES * rows // max(size, 1)))


@contextlib.contextmanager
def _readable(path: str, kind: TableFormat) -> Iterator[None]:
    """Turn Arrow's errors about a file into a refusal."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        name = {"parquet": "Parquet", "arrow": "Arrow"}[kind]
        reason = " ".join(str(error).split())[:200]
        raise GateRefused(f"{path} is not a complete {name} file ({reason}); write it again.") from error


def _open(path: str) -> BinaryIO:
    if "://" not in path:
        return Path(path).open("rb")
    # Arrow needs a full Python file object, which Beam's streams are and TensorFlow's are not.
    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
