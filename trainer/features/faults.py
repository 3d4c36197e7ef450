"""What is wrong with the values of a column for the kind that it is used as. No TensorFlow here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Seen(NamedTuple):
    """What the statistics of the data say about a raw column.

    Attributes:
        kind: its type as in a schema, ``INT``, ``FLOAT`` or ``BYTES``.
        fewest: int, values in the row that holds the fewest; an empty list holds none.
        most: int, values in the row that holds the most.
        span: the least and the largest number; None for text.
        sample: one of the values, as a message shows it.
        complete: whether the schema says that each row has a value.
    """

    kind: str
    fewest: int
    most: int
    span: tuple[float, float] | None
    sample: str
    complete: bool


class Fault(NamedTuple):
    """What is wrong.

    Attributes:
        reason: its name, as ``gates.data.allow`` lists it.
        text: in words, to follow the column's name.
    """

    reason: str
    text: str


class RowTest(NamedTuple):
    """A question that only the values themselves answer.

    Attributes:
        reason: name of the fault, as ``gates.data.allow`` lists it.
        text: what is wrong with the rows that fail, to follow their number.
        fails: which values fail, bool of the same shape; given a tensor of the column's values, whatever their rows.
        refuses: whether a single such row is refused, or only counted and shown.
    """

    reason: str
    text: str
    fails: Callable[[Any], Any]
    refuses: bool = True
