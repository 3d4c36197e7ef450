"""Dates as a column writes them: as ISO text, in a format, or as seconds since 1970; always in UTC."""

from __future__ import annotations

import datetime
import re
from typing import Any

import numpy as np

_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September")
_MONTHS += ("October", "November", "December")
_EPOCH = datetime.datetime(1970, 1, 1)
# Numbers from here on are read as milliseconds.
_LEAST_MILLISECONDS = 10**11
# What two digits of a year can say, as POSIX has it.
_TWO_DIGITS = range(1969, 2069)
# Units of numpy whose text is no ISO date, and ones whose text is.
_NUMPY_UNITS = {"Y": "D", "M": "D", "W": "D", "h": "m"}


def is_date(value: object) -> bool:
    """Whether a value is a date or a time: Python's, pandas' or numpy's."""
    return isinstance(value, datetime.date | np.datetime64)


def iso(value: Any) -> str:
    """Text as ingest makes it of the dates and times of a Parquet file.

    Raises:
        ValueError, OverflowError: its year, in UTC, has no four digits.
    """
    if isinstance(value, np.datetime64):
        _datetime(value)
        unit = np.datetime_data(value.dtype)[0]
        return re.sub(r"\.0+$", "", str(value.astype(f"datetime64[{_NUMPY_UNITS.get(unit, unit)}]")))
    if isinstance(value, datetime.datetime):
        zone = "Z" if value.tzinfo else ""
        plain = value.astimezone(datetime.UTC).replace(tzinfo=None) if zone else value
        return plain.isoformat() + zone
    return str(value)


def written(value: Any, given: str, *, whole: bool = False) -> str:
    """Text of a format; what the format has no directive for, such as the hour, is left out.

    Args:
        value: a date or a time; without a zone it is UTC.
        given: in the words of strptime, as `trainer.features.dates.formats` reads them, whatever the locale.
        whole: whether seconds are whole, too.

    Raises:
        ValueError, OverflowError: the format cannot express the date, or is not known.
    """
    moment = _datetime(value)
    if whole:
        moment = moment.replace(microsecond=0)
    return re.sub("%(.)", lambda match: _field(moment, match[1]), given)


def seconds(value: Any) -> float:
    """Seconds since 1970.

    Raises:
        ValueError, OverflowError: the model would take so large a number for milliseconds.
    """
    found = (_datetime(value) - _EPOCH) / datetime.timedelta(seconds=1)
    if abs(found) >= _LEAST_MILLISECONDS:
        raise ValueError
    return found


def _datetime(value: Any) -> datetime.datetime:
    """A date's midnight, or a time in UTC, without a zone."""
    if isinstance(value, np.datetime64):
        # Rounded down, where a unit is finer than a microsecond.
        coarse = np.datetime_data(value.dtype)[0] in "YMWDhms"
        value = value.astype("datetime64[s]" if coarse else "datetime64[us]").item()
        if not isinstance(value, datetime.datetime):
            raise ValueError
    if not isinstance(value, datetime.datetime):
        return datetime.datetime(value.year, value.month, value.day)
    plain = value.astimezone(datetime.UTC).replace(tzinfo=None) if value.tzinfo else value
    fields = plain.year, plain.month, plain.day, plain.hour, plain.minute, plain.second, plain.microsecond
    return datetime.datetime(*fields)


def _field(moment: datetime.datetime, letter: str) -> str:
    if letter == "Y":
        return f"{moment.year:04d}"
    if letter == "y" and moment.year in _TWO_DIGITS:
        return f"{moment.year % 100:02d}"
    if letter == "S":
        return f"{moment.second:02d}" + (f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else "")
    if letter in "bB":
        month = _MONTHS[moment.month - 1]
        return month[:3] if letter == "b" else month
    if letter == "p":
        return "AM" if moment.hour < 12 else "PM"
    if letter == "z":
        return "+0000"
    numbers = {"m": moment.month, "d": moment.day, "H": moment.hour, "I": moment.hour % 12 or 12, "M": moment.minute}
    if letter not in numbers:
        raise ValueError(letter)
    return f"{numbers[letter]:02d}"
