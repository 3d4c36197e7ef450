"""Tables in files, read in pieces of bounded size: CSV, Parquet and Arrow's file format."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from pyarrow import parquet
from tfx.dsl.io import fileio

from components import csv_files
from components.refusal import GateRefused

Format = Literal["csv", "parquet", "arrow"]
# What is decoded at once; a record batch of some thousand rows is where the speed levels off.
_ROWS = 4096
_BYTES = 8 * 2**20


@dataclass(frozen=True)
class Piece:
    """What one worker reads on its own: a CSV file, or a row group (Parquet) or record batch (Arrow) of one.

    Attributes:
        path: the file.
        index: which row group or record batch; None for a whole file.
    """

    path: str
    index: int | None = None


def find(pattern: str) -> list[str]:
    """The files of a glob pattern, in order.

    Raises:
        GateRefused: there is none.
    """
    paths = sorted(fileio.glob(pattern))
    if not paths:
        raise GateRefused(f"no file matches {pattern}; is the folder right, and data.format?")
    return paths


def pieces(path: str, kind: Format) -> list[Piece]:
    """What a file is made of; all pieces in order are all its rows."""
    if kind == "csv":
        # A newline may be inside quotes, so nobody can begin in the middle.
        return [Piece(path)]
    with _open(path) as stream, _readable(path, kind):
        if kind == "parquet":
            count = parquet.ParquetFile(stream).num_row_groups
        else:
            count = pa.ipc.open_file(stream).num_record_batches
    return [Piece(path, index) for index in range(count)]


def record_batches(piece: Piece, kind: Format, types: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    """The rows of a piece, some thousand at a time.

    Args:
        piece: what to read.
        kind: the file's format.
        types: of the columns of a CSV file, see `components.csv_files`; other formats know theirs.

    Raises:
        GateRefused: says what is wrong, in which file, and where it can be known in which line and column.
    """
    if kind == "csv":
        with _open(piece.path) as stream:
            yield from csv_files.record_batches(piece.path, stream, types)
        return
    with _open(piece.path) as stream, _readable(piece.path, kind):
        yield from (_parquet if kind == "parquet" else _arrow)(stream, piece.index or 0)


def column_types(paths: list[str], kind: Format, known: Mapping[str, str]) -> dict[str, str]:
    """The types of all columns: the known ones, and for a CSV file's other columns what all their values are.

    Raises:
        GateRefused: the files differ in their columns.
    """
    if kind != "csv":
        return dict(known)
    names = csv_files.header(paths[0], _open)
    for path in paths[1:]:
        if csv_files.header(path, _open) != names:
            raise GateRefused(f"{path} has other columns, or in another order, than {paths[0]}.")
    types = {name: known[name] for name in names if name in known}
    if unknown := [name for name in names if name not in known]:
        types |= csv_files.inferred_types(paths, _open, unknown)
    return types


def _parquet(stream: BinaryIO, index: int) -> Iterator[pa.RecordBatch]:
    file = parquet.ParquetFile(stream)
    group = file.metadata.row_group(index)
    rows = _bounded_rows(group.total_byte_size, group.num_rows)
    yield from file.iter_batches(batch_size=rows, row_groups=[index], use_threads=False)


def _arrow(stream: BinaryIO, index: int) -> Iterator[pa.RecordBatch]:
    batch = pa.ipc.open_file(stream).get_batch(index)
    rows = _bounded_rows(batch.nbytes, batch.num_rows)
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _bounded_rows(size: int, rows: int) -> int:
    return max(1, min(_ROWS, _BYTES * rows // max(size, 1)))


@contextlib.contextmanager
def _readable(path: str, kind: Format) -> Iterator[None]:
    """Makes Arrow's errors about a file the reader's."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        name = {"parquet": "Parquet", "arrow": "Arrow"}[kind]
        reason = " ".join(str(error).split())[:200]
        raise GateRefused(f"{path} is not a whole {name} file ({reason}); write it again.") from error


def _open(path: str) -> BinaryIO:
    if "://" not in path:
        return Path(path).open("rb")
    # Beam's streams, other than TensorFlow's, are whole Python files; Arrow needs that.
    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
