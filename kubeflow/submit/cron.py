"""A schedule in the five fields of cron, checked before a platform misreads it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

from pipeline.config.loading import ConfigError

_ZONE = "TZ="
_NAME = r"[0-9]+|[A-Z]{3}"
_ITEM = re.compile(rf"(\*|(?P<first>{_NAME})(-(?P<last>{_NAME}))?)(/(?P<step>[0-9]+))?", re.IGNORECASE)
# croniter reads a range of one value as all values.
_ONE_VALUE = re.compile(r"\b(\w+)-\1\b", re.IGNORECASE)


@dataclass(frozen=True)
class _Field:
    name: str
    lowest: int
    highest: int
    words: tuple[str, ...] = ()

    @property
    def values(self) -> str:
        words = f" or {self.words[0]}-{self.words[-1]}" if self.words else ""
        return f"{self.lowest}-{self.highest}{words}"

    def takes(self, item: str) -> bool:
        """Whether both platforms read ``item``: croniter alone takes Sunday as 7, and ranges that wrap around."""
        match = _ITEM.fullmatch(item)
        if match is None or not 1 <= int(match["step"] or 1) <= self.highest:
            return False
        numbers = [self._number(text) for text in (match["first"], match["last"]) if text]
        return all(self.lowest <= number <= self.highest for number in numbers) and numbers == sorted(numbers)

    def _number(self, text: str) -> int:
        """The value of ``text``; -1 for an unknown word."""
        if text.isdigit():
            return int(text)
        return self.words.index(text.upper()) + self.lowest if text.upper() in self.words else -1


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")),
    _Field("day of the week", 0, 6, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")),
)


def check(text: str) -> str:
    """The schedule with single spaces, and with its time zone, if it has one, as ``TZ=`` before the fields.

    Raises:
        ConfigError: a field or the time zone is wrong (the message names it), or the schedule never fires.
    """
    words = text.split()
    zone = [words.pop(0)] if words and words[0].startswith(_ZONE) else []
    if zone and not _is_zone(zone[0].removeprefix(_ZONE)):
        raise ConfigError(f"--cron {text!r}: {zone[0]!r} is not a valid time zone, such as TZ=Europe/Berlin.")
    if len(words) != len(_FIELDS):
        names = ", ".join(field.name for field in _FIELDS)
        raise ConfigError(f"--cron {text!r}: has {len(words)} fields, not five: {names}; '0 3 * * *' is daily at 3:00.")
    for field, word in zip(_FIELDS, words, strict=True):
        for item in word.split(","):
            if not field.takes(item):
                raise ConfigError(
                    f"--cron {text!r}: {item!r} is not a valid {field.name} ({field.values}); "
                    "ranges (1-5), steps (*/15) and lists (1,15) are valid, too."
                )
    schedule = " ".join(words)
    try:
        croniter(_ONE_VALUE.sub(r"\1", schedule)).get_next()
    except CroniterBadDateError:
        raise ConfigError(f"--cron {text!r}: there is no such day, so it would never run.") from None
    return " ".join([*zone, schedule])


def with_seconds(schedule: str) -> str:
    """The six fields that Kubeflow Pipelines reads; the first is the second.

    Raises:
        ConfigError: the schedule has a time zone, which Kubeflow Pipelines cannot read.
    """
    if schedule.startswith(_ZONE):
        raise ConfigError(
            f"--cron {schedule!r}: Kubeflow Pipelines takes no time zone; its controller runs in UTC unless "
            "CRON_SCHEDULE_TIMEZONE says otherwise."
        )
    return f"0 {schedule}"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return False
    return True
