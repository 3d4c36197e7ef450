"""``date``: ISO text or seconds since 1970, as time since the mean date and as cycles of month, weekday and hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from trainer.features.faults import Fault, RowTest, Seen
from trainer.features.kind import CODES, Column, IdColumn, Kind

if TYPE_CHECKING:
    from trainer.features.outputs import Outputs
    from trainer.features.raw import RawColumns

# The parts of the calendar that have ids, and how many.
_PARTS = (("month", 12), ("weekday", 7), ("hour", 24))
# Numbers that people write for a year or a day, which as seconds since 1970 would all be in 1970.
_WRITTEN = ((1000, 3000, "years"), (10000101, 30001231, "days such as 20240131"))


class Options(Kind):
    """A date or a time.

    As text ``2024-01-31``, ``2024-01-31 12:30`` or ``2024-01-31T12:30:00.5+01:00``; as a number seconds, milliseconds,
    microseconds or nanoseconds since 1970, which differ by their size.
    """

    SCHEMA_TYPES: ClassVar = ("BYTES", "INT", "FLOAT")

    kind: Literal["date"] = "date"

    def faults(self, seen: Seen) -> Iterator[Fault]:
        """Numbers are seconds since 1970, or parts of them."""
        yield from super().faults(seen)
        if seen.span is None:
            return
        for least, most, written in _WRITTEN:
            if least <= seen.span[0] <= seen.span[1] <= most:
                yield Fault(
                    "DATE_UNREADABLE",
                    f"ranges from {seen.span[0]:.0f} to {seen.span[1]:.0f}, which look like {written} but are read as "
                    "seconds since 1970; write 2024-01-31",
                )

    def row_test(self, seen: Seen) -> RowTest | None:
        """Text may be no date."""
        return (
            RowTest("DATE_UNREADABLE", "do not hold a date; write 2024-01-31", _unreadable)
            if seen.kind == "BYTES"
            else None
        )


def transform(columns: Sequence[Column[Options]], raw: RawColumns, outputs: Outputs) -> None:
    """All dates together."""
    from trainer.features import calendar

    names = [column.name for column in columns]
    days = raw.days(names)
    outputs.numbers(days)
    outputs.scaled(calendar.cycles(days))
    outputs.codes(calendar.parts(days), ids(columns))


def _unreadable(values: Any) -> Any:
    """Which texts are no dates; an empty one is a missing date."""
    import tensorflow as tf

    from trainer.features import calendar

    return tf.math.is_nan(calendar.days_of_text(values)) & (values != "")


def ids(columns: Sequence[Column[Options]]) -> list[IdColumn]:
    """Month, weekday and hour of each date."""
    return [IdColumn(f"{name} ({part})", CODES, count + 2) for part, count in _PARTS for name, _ in columns]
