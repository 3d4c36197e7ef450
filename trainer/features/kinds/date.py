"""``date``: ISO text or seconds since 1970, as time since the mean date and as cycles of month, weekday and hour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from trainer.features.kind import CODES, Column, IdColumn, Kind

if TYPE_CHECKING:
    from trainer.features.outputs import Outputs
    from trainer.features.raw import RawColumns

# The parts of the calendar that have ids, and how many.
_PARTS = (("month", 12), ("weekday", 7), ("hour", 24))


class Options(Kind):
    """A date or a time.

    As text ``2024-01-31``, ``2024-01-31 12:30`` or ``2024-01-31T12:30:00.5+01:00``; as a number seconds, milliseconds,
    microseconds or nanoseconds since 1970, which differ by their size.
    """

    SCHEMA_TYPES: ClassVar = ("BYTES", "INT", "FLOAT")

    kind: Literal["date"] = "date"


def transform(columns: Sequence[Column[Options]], raw: RawColumns, outputs: Outputs) -> None:
    """All dates together."""
    from trainer.features import calendar

    names = [column.name for column in columns]
    days = raw.days(names)
    outputs.numbers(days)
    outputs.scaled(calendar.cycles(days))
    outputs.codes(calendar.parts(days), ids(columns))


def ids(columns: Sequence[Column[Options]]) -> list[IdColumn]:
    """Month, weekday and hour of each date."""
    return [IdColumn(f"{name} ({part})", CODES, count + 2) for part, count in _PARTS for name, _ in columns]
