"""``date``: text or seconds since 1970, as time since the mean date and as cycles of month, weekday and hour."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator

from trainer.features.dates import formats
from trainer.features.faults import Fault, RowTest, Seen
from trainer.features.kind import CODES, Column, IdColumn, Kind

if TYPE_CHECKING:
    from trainer.features.outputs import Outputs
    from trainer.features.raw import RawColumns

Format = Annotated[str, AfterValidator(formats.check)]
Part = Literal["month", "weekday", "hour"]

# The parts of the calendar that have ids, and how many, in the order of `calendar.parts`.
PARTS: dict[Part, int] = {"month": 12, "weekday": 7, "hour": 24}
# What a number is without a format, in the words of strftime; no format of the config.
SECONDS = "%s"
# Numbers that people write for a year or a day, which as seconds since 1970 would all be in 1970.
_WRITTEN = ((1000, 3000, "years"), (10000101, 30001231, "days such as 20240131"))


class Options(Kind):
    """A date or a time.

    As text ``2024-01-31``, ``2024-01-31 12:30`` or ``2024-01-31T12:30:00.5+01:00``; as a number seconds, milliseconds,
    microseconds or nanoseconds since 1970, which differ by their size.

    Attributes:
        format: how the column writes them, in the words of strptime, such as ``%d.%m.%Y`` or ``%m/%d/%Y %I:%M %p``; of
            whole numbers ``%Y%m%d``. None for the ways above.
    """

    SCHEMA_TYPES: ClassVar = ("BYTES", "INT", "FLOAT")

    kind: Literal["date"] = "date"
    format: Format | None = None

    def holds(self, *, text: bool) -> str:
        """The format, too, in JSON's quotes, so that clients write dates in it; of numbers without one it is ``%s``."""
        given = self.format or (None if text else SECONDS)
        return f"{self.kind} {json.dumps(given, ensure_ascii=False)}" if given else self.kind

    def faults(self, seen: Seen) -> Iterator[Fault]:
        """Numbers are seconds since 1970, or parts of them."""
        yield from super().faults(seen)
        if self.format and seen.kind == "FLOAT":
            yield Fault(
                "DATE_UNREADABLE", f"holds floats, which have no format {self.format}; store whole numbers or text"
            )
        if seen.span is None or self.format:
            return
        for least, most, written in _WRITTEN:
            if least <= seen.span[0] <= seen.span[1] <= most:
                yield Fault(
                    "DATE_UNREADABLE",
                    f"ranges from {seen.span[0]:.0f} to {seen.span[1]:.0f}, which look like {written} but are read as "
                    "seconds since 1970; write 2024-01-31, or give the format",
                )

    def row_test(self, seen: Seen) -> RowTest | None:
        """Text may be no date."""
        if self.format:
            text = f"do not hold a date of the format {self.format}; correct them, or the format"
            return RowTest("DATE_UNREADABLE", text, partial(_unreadable, given=self.format))
        if seen.kind == "BYTES":
            return RowTest("DATE_UNREADABLE", "do not hold a date; write 2024-01-31, or give the format", _unreadable)
        return None


def transform(columns: Sequence[Column[Options]], raw: RawColumns, outputs: Outputs) -> None:
    """All dates together."""
    from trainer.features.dates import calendar

    days = raw.days({column.name: column.options.format for column in columns})
    outputs.numbers(days)
    outputs.scaled(calendar.cycles(days))
    outputs.codes(calendar.parts(days), ids(columns))


def _unreadable(values: Any, *, given: str | None = None) -> Any:
    """Which texts, or whole numbers of a format, are no dates; an empty one is a missing date."""
    import tensorflow as tf

    from trainer.features.dates import calendar

    text = values if values.dtype == tf.string else tf.strings.as_string(values)
    iso = calendar.iso_of_text(text, given) if given else text
    return tf.math.is_nan(calendar.days_of_text(iso)) & (text != "")


def ids(columns: Sequence[Column[Options]]) -> list[IdColumn]:
    """Month, weekday and hour of each date."""
    return [IdColumn(f"{name} ({part})", CODES, count + 2) for part, count in PARTS.items() for name, _ in columns]
