"""A schedule in the five fields of cron, checked before a platform takes it for another one."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass

from pipeline.config.loading import ConfigError

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LEAP_YEAR = 2024
_PART = re.compile(r"(?P<from>\*|\w+)(-(?P<to>\w+))?(/(?P<step>[0-9]+))?")


@dataclass(frozen=True)
class _Field:
    name: str
    lowest: int
    highest: int
    words: tuple[str, ...] = ()

    def number(self, text: str) -> int | None:
        """The value that ``text`` stands for; None where it is none."""
        if text.upper() in self.words:
            return self.words.index(text.upper()) + self.lowest
        if text.isascii() and text.isdigit() and self.lowest <= int(text) <= self.highest:
            return int(text)
        return None


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 6, _DAYS),
)


def check(text: str) -> str:
    """The schedule with single spaces.

    Raises:
        ConfigError: it has not five fields, or one of them is wrong; the message names it.
    """
    parts = text.split()
    if len(parts) != len(_FIELDS):
        names = ", ".join(field.name for field in _FIELDS)
        raise ConfigError(f"--cron {text!r}: has {len(parts)} fields, not five: {names}; '0 3 * * *' is daily at 3:00.")
    for field, part in zip(_FIELDS, parts, strict=True):
        if not all(_fits(field, each) for each in part.split(",")):
            words = f" or {field.words[0]}-{field.words[-1]}" if field.words else ""
            raise ConfigError(
                f"--cron {text!r}: {field.name}: {part!r} is none; it takes {field.lowest}-{field.highest}{words}, "
                "*, ranges (1-5), steps (*/15) and lists (1,15)."
            )
    _, _, days, months, weekdays = parts
    if weekdays == "*" and not _ever(days, months):
        raise ConfigError(f"--cron {text!r}: there is no such day, so it would never run.")
    return " ".join(parts)


def with_seconds(cron: str) -> str:
    """The six fields that Kubeflow Pipelines reads, where the first one is the second."""
    return f"0 {cron}"


def _ever(days: str, months: str) -> bool:
    """Whether a day of the month comes in one of the months, in leap years at least."""
    longest = max(calendar.monthrange(_LEAP_YEAR, month)[1] for month in _numbers(_FIELDS[3], months))
    return min(_numbers(_FIELDS[2], days)) <= longest


def _numbers(field: _Field, text: str) -> set[int]:
    """All values of a field that fits."""
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        everything = match["from"] == "*"
        first = field.lowest if everything else field.number(match["from"])
        last = (
            field.highest
            if everything or (match["step"] and not match["to"])
            else field.number(match["to"] or match["from"])
        )
        found.update(range(first, last + 1, int(match["step"] or 1)))
    return found


def _fits(field: _Field, text: str) -> bool:
    match = _PART.fullmatch(text)
    if not match or (match["step"] is not None and not 1 <= int(match["step"]) <= field.highest):
        return False
    if match["from"] == "*":
        return match["to"] is None
    first = field.number(match["from"])
    last = first if match["to"] is None else field.number(match["to"])
    return first is not None and last is not None and first <= last
