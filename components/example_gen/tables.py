"""The files of one input split as tf.Examples, whatever their format."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from components.example_gen import record_files, table_files
from components.example_gen.encoding import UnsupportedColumn, to_examples
from components.example_gen.rows import columns
from components.example_gen.rows.columns import Columns
from components.refusal import GateRefused

FileFormat = Literal["csv", "parquet", "arrow", "tfrecord"]


@dataclass(frozen=True)
class Tables:
    """The files of one input split.

    Attributes:
        paths: the files.
        kind: their format.
        types: the types of all columns; empty where the format stores them.
    """

    paths: Sequence[str]
    kind: FileFormat
    types: Mapping[str, str]

    @classmethod
    def of(cls, paths: Sequence[Sequence[str]], kind: FileFormat, types: Mapping[str, str]) -> list[Tables]:
        """The files of several splits, with one set of types for all."""
        every = [path for some in paths for path in some]
        found = {} if kind == "tfrecord" else table_files.column_types(every, kind, types)
        return [cls(some, kind, found) for some in paths]

    def pieces(self) -> list[table_files.Piece]:
        """The pieces of all files."""
        if self.kind == "tfrecord":
            return [table_files.Piece(path) for path in self.paths]
        return [piece for path in self.paths for piece in table_files.pieces(path, self.kind)]

    def blocks(self, piece: table_files.Piece, names: Sequence[str]) -> Iterator[tuple[list[bytes], Columns]]:
        """The serialized tf.Examples of a piece in order, some thousand at a time, and their values in some columns.

        Raises:
            GateRefused: the file cannot be read, or a column is missing or of a type that a tf.Example cannot hold.
        """
        if self.kind == "tfrecord":
            for examples in record_files.examples(piece.path):
                with in_file(piece.path):
                    found = columns.of_examples(examples, names)
                yield examples, found
            return
        for batch in table_files.record_batches(piece, self.kind, self.types):
            with in_file(piece.path):
                found = columns.of_batch(batch, names)
            try:
                examples = to_examples(batch)
            except UnsupportedColumn as error:
                raise UnsupportedColumn(f"{piece.path}: {error.reason}") from None
            yield examples, found

    def columns(self, names: Sequence[str]) -> Iterator[tuple[str, Columns]]:
        """The values of all rows in some columns, some thousand rows at a time, each with the file.

        Raises:
            GateRefused: as `blocks`.
        """
        for path in self.paths:
            piece = table_files.Piece(path)
            if self.kind == "tfrecord":
                for _, found in self.blocks(piece, names):
                    yield path, found
                continue
            for batch in table_files.record_batches(piece, self.kind, self.types):
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
