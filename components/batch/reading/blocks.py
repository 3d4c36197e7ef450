"""The rows of input files as they stand there, some thousand at a time, with what could not be read of them.

Ingest refuses a file for one bad cell, since a model would be trained on the rest. Here the other rows are wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from components.example_gen.pictures import folders
from components.example_gen.readers import arrow_files, csv_files, table_files
from components.example_gen.readers.table_files import Piece
from components.example_gen.reading import Reading

# Of one run of the model: more at a time is not faster.
ROWS = 4096
_BYTES = 8 * 2**20
# Rows with pictures, which are read whole.
_PICTURES = 64


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be scored.

    Attributes:
        file: its file.
        row: int, its number in the file; the first one is 1, after the header.
        reason: what is wrong with it.
        keys: its keys, where it could be read.
    """

    file: str
    row: int
    reason: str
    keys: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class RowBlock:
    """Neighbouring rows.

    Attributes:
        batch: the wanted columns, with the types that the file has; of CSV files, text.
        files: the file of each row.
        rows: int64 ``[rows]``, the number of each row in its file.
        bad: rows of the same files that are not among them.
    """

    batch: pa.RecordBatch
    files: pa.Array
    rows: np.ndarray
    bad: Sequence[BadRow] = ()

    def part(self, start: int, count: int) -> RowBlock:
        """Some of the rows; the first part has the bad ones."""
        rows = self.rows[start : start + count]
        return RowBlock(
            self.batch.slice(start, count), self.files.slice(start, count), rows, self.bad if not start else ()
        )

    def without(self, reasons: Mapping[int, str], keys: Sequence[str]) -> RowBlock:
        """The block without some rows, which are among the bad ones.

        Args:
            reasons: what is wrong with them, by index.
            keys: columns whose values a bad row keeps.
        """
        bad = [
            BadRow(
                self.files[index].as_py(),
                int(self.rows[index]),
                reason,
                {name: self.batch.column(name)[index].as_py() for name in keys},
            )
            for index, reason in sorted(reasons.items())
        ]
        good = np.setdiff1d(np.arange(len(self.rows)), list(reasons))
        return RowBlock(self.batch.take(good), self.files.take(good), self.rows[good], [*self.bad, *bad])


@dataclass(frozen=True)
class BatchFiles:
    """The files of one batch inference.

    Attributes:
        paths: paths or URIs, in the order of the output.
        reading: how they are read.
    """

    paths: Sequence[str]
    reading: Reading

    def pieces(self) -> list[Piece]:
        """What can be read in parallel, in order.

        Raises:
            GateRefused: a file cannot be read.
        """
        if self.reading.kind == "pictures":
            return [Piece(self.paths[first], first, stop) for first, stop in folders.bounds(self.paths)]
        return [piece for path in self.paths for piece in table_files.pieces(path, self.reading)]

    def blocks(self, piece: Piece, columns: Sequence[str]) -> Iterator[RowBlock]:
        """The rows of a piece, at most `ROWS` at a time.

        Args:
            piece: what to read.
            columns: the columns that are wanted. All tables have them; a TFRecord file may lack some.

        Raises:
            GateRefused: the file cannot be read; names it.
        """
        if self.reading.kind == "pictures":
            paths = self.paths[piece.first : piece.stop]
            column = pa.array(paths, pa.string())
            found = iter([RowBlock(pa.record_batch({folders.PICTURE: column}), column, np.ones(len(paths), np.int64))])
        else:
            found = _READERS[self.reading.kind](piece, self.reading, columns)
        size = _PICTURES if self.reading.pictures else ROWS
        for block in found:
            for start in range(0, max(len(block.rows), 1), size):
                yield block.part(start, size)


def _block(path: str, batch: pa.RecordBatch, rows: np.ndarray, bad: Sequence[BadRow] = ()) -> RowBlock:
    files = pa.DictionaryArray.from_arrays(np.zeros(len(rows), np.int32), pa.array([path])).dictionary_decode()
    return RowBlock(batch, files, rows, bad)


def _csv(piece: Piece, reading: Reading, columns: Sequence[str]) -> Iterator[RowBlock]:
    skipped: list[arrow_csv.InvalidRow] = []
    found = csv_files.text_batches(piece.path, table_files.open_file, reading, columns=columns, skipped=skipped)
    last, known = 0, np.zeros(0, np.int64)
    for _, batch in found:
        bad = _taken(piece.path, skipped)
        # A row that is left out has a number as well, and may stand behind this batch.
        known = np.concatenate([known[known > last], [each.row for each in bad]]).astype(np.int64)
        numbers = np.arange(last + 1, last + 1 + batch.num_rows + len(known), dtype=np.int64)
        numbers = np.setdiff1d(numbers, known)[: batch.num_rows]
        last = int(numbers[-1]) if len(numbers) else last
        if wrong := dict(csv_files.behind(batch)):
            bad += [BadRow(piece.path, int(numbers[index]), reason) for index, reason in wrong.items()]
            others = np.setdiff1d(np.arange(batch.num_rows), list(wrong))
            batch, numbers = batch.take(pa.array(others)), numbers[others]
        yield _block(piece.path, batch.select(list(columns)), numbers, bad)
    if skipped:
        yield _block(piece.path, _none(columns), np.zeros(0, np.int64), _taken(piece.path, skipped))


def _taken(path: str, skipped: list[arrow_csv.InvalidRow]) -> list[BadRow]:
    bad = [BadRow(path, row.number, csv_files.wrong_cells(row)) for row in skipped]
    skipped.clear()
    return bad


def _none(columns: Sequence[str]) -> pa.RecordBatch:
    return pa.record_batch({name: pa.nulls(0) for name in columns})


def _arrow(piece: Piece, reading: Reading, columns: Sequence[str]) -> Iterator[RowBlock]:
    with table_files.open_file(piece.path) as stream, arrow_files.readable(piece.path, reading.kind):
        row = arrow_files.rows_before(stream, reading.kind, piece.first) + 1 if piece.first else 1
        for batch in arrow_files.record_batches(stream, reading.kind, piece.first, piece.stop, columns=columns):
            yield _block(piece.path, batch, np.arange(row, row + batch.num_rows, dtype=np.int64))
            row += batch.num_rows


def _tfrecord(piece: Piece, reading: Reading, columns: Sequence[str]) -> Iterator[RowBlock]:
    # TensorFlow reads these files.
    from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

    from components.example_gen.readers.record_files import records

    del reading
    decoder = ExamplesToRecordBatchDecoder()

    def decoded(examples: list[bytes], first: int) -> Iterator[RowBlock]:
        try:
            batch = decoder.DecodeBatch(examples)
        except RuntimeError as error:
            if len(examples) == 1:
                bad = [BadRow(piece.path, first, f"is no tf.Example ({_short(error)})")]
                yield _block(piece.path, _none(columns), np.zeros(0, np.int64), bad)
                return
            # One is no tf.Example, or a feature has different types in two of them.
            half = len(examples) // 2
            yield from decoded(examples[:half], first)
            yield from decoded(examples[half:], first + half)
            return
        known = set(batch.schema.names)
        found = {name: batch.column(name) if name in known else pa.nulls(len(examples)) for name in columns}
        rows = np.arange(first, first + len(examples), dtype=np.int64)
        yield _block(piece.path, pa.record_batch(found), rows)

    first, pending = 1, []
    for some in records(piece.path):
        pending += some
        if len(pending) >= ROWS or sum(map(len, pending)) >= _BYTES:
            yield from decoded(pending, first)
            first, pending = first + len(pending), []
    if pending:
        yield from decoded(pending, first)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:80]


_READERS: Mapping[str, Callable[[Piece, Reading, Sequence[str]], Iterator[RowBlock]]] = {
    "csv": _csv,
    "parquet": _arrow,
    "arrow": _arrow,
    "tfrecord": _tfrecord,
}
