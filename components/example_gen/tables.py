"""The files of one input split as tf.Examples, whatever their format."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from components.example_gen.encoding import to_examples
from components.example_gen.readers import table_files
from components.example_gen.readers.record_files import RecordReader
from components.example_gen.readers.table_files import Piece
from components.example_gen.reading import Reading
from components.example_gen.rows import columns
from components.example_gen.rows.columns import Columns
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
        types = {} if reading.kind == "tfrecord" else table_files.column_types(every, reading)
        return [cls(some, reading, types) for some in paths]

    def pieces(self) -> list[Piece]:
        """The pieces of all files."""
        return [piece for path in self.paths for piece in table_files.pieces(path, self.reading)]

    def blocks(
        self, piece: Piece, names: Sequence[str], records: RecordReader
    ) -> Iterator[tuple[list[bytes], Columns]]:
        """The serialized tf.Examples of a piece in order, some thousand at a time, and their values in some columns.

        Args:
            piece: what to read.
            names: the columns.
            records: reads TFRecord files; one for all pieces finds features whose types differ between files.

        Raises:
            GateRefused: the file cannot be read, or a column is missing or of a type that a tf.Example cannot hold.
        """
        if self.reading.kind == "tfrecord":
            for examples in records.examples(piece.path):
                with in_file(piece.path):
                    found = columns.of_examples(examples, names)
                yield examples, found
            return
        for batch in table_files.record_batches(piece, self.reading, self.types):
            with in_file(piece.path):
                block = to_examples(batch), columns.of_batch(batch, names)
            yield block

    def columns(self, names: Sequence[str]) -> Iterator[tuple[str, Columns]]:
        """The values of all rows in some columns, some thousand rows at a time, each with the file.

        Raises:
            GateRefused: as `blocks`.
        """
        records = RecordReader(self.reading)
        for path in self.paths:
            if self.reading.kind == "tfrecord":
                for _, found in self.blocks(Piece(path), names, records):
                    yield path, found
                continue
            for batch in table_files.record_batches(Piece(path), self.reading, self.types):
                with in_file(path):
                    found = columns.of_batch(batch, names)
                yield path, found


@contextlib.contextmanager
def in_file(path: str) -> Iterator[None]:
    """Put the file's name before what is refused in it."""
    try:
        yield
    except GateRefused as error:
        raise type(error)(f"{path}: {error.reason}") from None
