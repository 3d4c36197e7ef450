"""``vector``: a fixed number of numbers a row, each standardised and softly clipped; a missing one becomes the mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from trainer.features.kind import Column, Kind

if TYPE_CHECKING:
    from trainer.features.outputs import Outputs
    from trainer.features.raw import RawColumns


class Options(Kind):
    """A list of numbers.

    Attributes:
        length: int, how many numbers every row holds.
    """

    SCHEMA_TYPES: ClassVar = ("INT", "FLOAT")

    kind: Literal["vector"] = "vector"
    length: PositiveInt

    @property
    def multivalent(self) -> bool:
        """A row holds ``length`` values."""
        return True

    def values_per_row(self, *, text: bool) -> int:
        """The vector's length."""
        del text
        return self.length


def transform(columns: Sequence[Column[Options]], raw: RawColumns, outputs: Outputs) -> None:
    """All vectors side by side."""
    import tensorflow as tf

    outputs.numbers(tf.concat([raw.vector(column.name, column.options.length) for column in columns], axis=1))
