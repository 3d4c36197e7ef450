"""``cross``: two or more columns taken together, hashed; missing where one of them is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from trainer.features.kind import HASH, Column, IdColumn, Kind, Size

if TYPE_CHECKING:
    from trainer.features.outputs import Outputs
    from trainer.features.raw import RawColumns


class Options(Kind):
    """A feature of several columns; its name in the config is its own.

    Attributes:
        columns: the columns, of text or integers.
        hash: int, ids that all combinations share by hash.
    """

    SCHEMA_TYPES: ClassVar = ("BYTES", "INT")

    kind: Literal["cross"] = "cross"
    columns: tuple[str, ...] = Field(min_length=2)
    hash: Size = 1000

    def sources(self, name: str) -> tuple[str, ...]:
        """The crossed columns."""
        del name
        return self.columns


def transform(columns: Sequence[Column[Options]], raw: RawColumns, outputs: Outputs) -> None:
    """One joined word per feature."""
    import tensorflow as tf

    joined = []
    for column in columns:
        words = raw.words(column.sources)
        missing = tf.reduce_any(tf.equal(words, ""), axis=1)
        joined.append(tf.where(missing, "", tf.strings.reduce_join(words, axis=1, separator="\x1f")))
    outputs.hashed(tf.stack(joined, axis=1), ids(columns))


def ids(columns: Sequence[Column[Options]]) -> list[IdColumn]:
    """The hashes of each feature."""
    return [IdColumn(column.name, HASH, column.options.hash + 1) for column in columns]
