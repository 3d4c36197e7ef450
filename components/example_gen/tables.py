"""The files of one input split as tf.Examples, whatever their format."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from components.example_gen.encoding import to_examples
from components.example_gen.pictures import folders
from components.example_gen.pictures.columns import with_content
from components.example_gen.readers import table_files
from components.example_gen.readers.record_files import RecordReader
from components.example_gen.readers.table_files import Piece
from components.example_gen.readers.values import BadValue
from components.example_gen.reading import Reading
from components.example_gen.rows import columns
from components.example_gen.rows.columns import Columns
from components.example_gen.rows.selection import Sorter
from components.refusal import GateRefused


@dataclass(frozen=True)
class Tables:
    """The files of one input split.

    Attributes:
        paths: the files.
        reading: how they are read.
        types: the types of all columns; empty where the format stores them.
    """

    paths: Sequence[str]
    reading: Reading
    types: Mapping[str, str]

    @classmethod
    def of(cls, paths: Sequence[Sequence[str]], reading: Reading) -> list[Tables]:
        """The files of several splits, with one set of types for all."""
        every = [path for some in paths for path in some]
        types = {} if reading.kind in ("tfrecord", "pictures") else table_files.column_types(every, reading)
        return [cls(some, reading, types) for some in paths]

    def pieces(self) -> list[Piece]:
        """The pieces of all files, which can be read in parallel."""
        if self.reading.kind == "pictures":
            return [Piece(folders.root(self.paths), first, stop) for first, stop in folders.bounds(self.paths)]
        return [piece for path in self.paths for piece in table_files.pieces(path, self.reading)]

    def files(self) -> list[Piece]:
        """Each file as one piece; all pictures of a folder are one, too."""
        if self.reading.kind == "pictures":
            return [Piece(folders.root(self.paths))]
        return [Piece(path) for path in self.paths]

    def blocks(self, piece: Piece, sorter: Sorter, records: RecordReader) -> Iterator[tuple[list[bytes], Columns]]:
        """The serialized tf.Examples of a piece in order, some at a time, and their values in some columns.

        Args:
            piece: what to read.
            sorter: says which columns; those of pictures hold paths. No file of a row that it leaves out is read.
            records: reads TFRecord files; one for all pieces finds features whose types differ between files.

        Raises:
            GateRefused: the file cannot be read, or a column is missing or of a type that a tf.Example cannot hold.
        """
        if self.reading.kind == "tfrecord":
            for examples in records.examples(piece.path):
                with in_file(piece.path):
                    found = columns.of_examples(examples, sorter.columns)
                yield examples, found
            return
        rows = 0
        for batch in self._batches(piece):
            with in_file(piece.path):
                found = columns.of_batch(batch, sorter.columns)
                wanted = sorter.selection.masks(found, rows=batch.num_rows)[1] if self.reading.pictures else None
            for start, part in [(0, batch)] if wanted is None else self._with_pictures(piece, batch, wanted, rows=rows):
                with in_file(piece.path):
                    examples = to_examples(part)
                yield examples, {name: column.slice(start, part.num_rows) for name, column in found.items()}
            rows += batch.num_rows

    def columns(self, names: Sequence[str]) -> Iterator[tuple[str, Columns]]:
        """The values of all rows in some columns, some thousand rows at a time, each with the file.

        Raises:
            GateRefused: as `blocks`.
        """
        records = RecordReader(self.reading)
        for piece in self.files():
            if self.reading.kind == "tfrecord":
                for examples in records.examples(piece.path):
                    with in_file(piece.path):
                        found = columns.of_examples(examples, names)
                    yield piece.path, found
                continue
            for batch in self._batches(piece):
                with in_file(piece.path):
                    found = columns.of_batch(batch, names)
                yield piece.path, found

    def batches(self, piece: Piece) -> Iterator[pa.RecordBatch]:
        """The rows of a piece, with the pictures that they name.

        Raises:
            GateRefused: as `blocks`.
        """
        rows = 0
        for batch in self._batches(piece):
            for _, part in self._with_pictures(piece, batch, np.ones(batch.num_rows, bool), rows=rows):
                yield part
            rows += batch.num_rows

    def _batches(self, piece: Piece) -> Iterator[pa.RecordBatch]:
        if self.reading.kind == "pictures":
            return folders.rows(self.paths[piece.first : piece.stop], self.reading.label)
        return table_files.record_batches(piece, self.reading, self.types)

    def _with_pictures(
        self, piece: Piece, batch: pa.RecordBatch, wanted: np.ndarray, *, rows: int
    ) -> Iterator[tuple[int, pa.RecordBatch]]:
        of_classes = self.reading.kind == "pictures"
        folder = "" if of_classes else piece.path.rpartition("/")[0] if self.reading.has_folder else None
        try:
            yield from with_content(batch, self.reading.pictures, folder=folder, wanted=wanted)
        except BadValue as error:
            if of_classes:
                raise GateRefused(f"{piece.path}: {error.column} {error.reason}.") from None
            raise table_files.refused(error, piece, self.reading, rows=rows) from None


@contextlib.contextmanager
def in_file(path: str) -> Iterator[None]:
    """Put the file's name before what is refused in it."""
    try:
        yield
    except GateRefused as error:
        raise type(error)(f"{path}: {error.reason}") from None
