"""Dates in the graph: text and epoch numbers as days since 1970, and days as parts of the calendar."""

from __future__ import annotations

import math

import tensorflow as tf

from trainer.features.dates import formats
from trainer.features.dates.iso import ISO, READABLE, UNITS

_YEAR, _MONTH, _DAY, _HOUR, _MINUTE, _SECOND, _ZONE_HOUR, _ZONE_MINUTE = range(1, 9)
_SECONDS_PER_DAY = 86400.0


def days_of_epoch(numbers: tf.Tensor) -> tf.Tensor:
    """Days since 1970 of seconds, milli-, micro- or nanoseconds, float64 of any shape; NaN stays."""
    size = tf.abs(numbers)
    seconds = numbers
    for least, per_second in reversed(UNITS):
        seconds = tf.where(size >= least, numbers / per_second, seconds)
    return seconds / _SECONDS_PER_DAY


def days_of_text(text: tf.Tensor) -> tf.Tensor:
    """Days since 1970 of ISO dates and times, float64 of the shape of ``text``; NaN where it is not one.

    Source of the calendar: days_from_civil in Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    """
    readable = tf.strings.regex_full_match(text, READABLE)
    iso = tf.where(readable, text, "1970-01-01")

    def field(group: int, *, prefix: str = "0") -> tf.Tensor:
        # A group that is not there is empty; the prefix makes it 0.
        return tf.strings.to_number(tf.strings.regex_replace(iso, ISO, rf"{prefix}\{group}"), tf.float64)

    year, month, day = field(_YEAR), field(_MONTH), field(_DAY)
    shifted = year - tf.cast(month <= 2, tf.float64)
    era = tf.floor(shifted / 400)
    of_era = shifted - era * 400
    of_year = tf.floor((153 * tf.math.floormod(month - 3, 12) + 2) / 5) + day - 1
    days = era * 146097 + of_era * 365 + tf.floor(of_era / 4) - tf.floor(of_era / 100) + of_year - 719468
    zone = tf.strings.regex_replace(iso, ISO, rf"\{_ZONE_HOUR}")
    west = tf.cast(tf.strings.regex_full_match(zone, "-.*"), tf.float64)
    digits = tf.strings.join(["0", tf.strings.substr(tf.strings.join([zone, "+00"]), 1, 2)])
    offset = tf.strings.to_number(digits, tf.float64)
    minutes = field(_HOUR) * 60 + field(_MINUTE) - (1 - 2 * west) * (offset * 60 + field(_ZONE_MINUTE))
    days += (minutes * 60 + field(_SECOND)) / _SECONDS_PER_DAY
    return tf.where(readable, days, tf.constant(math.nan, tf.float64))


def iso_of_text(text: tf.Tensor, given: str) -> tf.Tensor:
    """ISO text of dates in another format, see `formats`; string of the same shape."""
    for pattern, replacement in formats.replacements(given):
        text = tf.strings.regex_replace(text, pattern, replacement)
    return text


def cycles(days: tf.Tensor) -> tf.Tensor:
    """Sine and cosine of the year's, the week's and the day's cycle.

    Args:
        days: days since 1970, float64 ``[batch, n]``; NaN is missing and becomes 0.

    Returns:
        float32 ``[batch, 6 * n]``.
    """
    turns = [days / 365.2425, (days + 3) / 7, days]
    angles = tf.concat([2 * math.pi * turn for turn in turns], axis=1)
    waves = tf.concat([tf.sin(angles), tf.cos(angles)], axis=1)
    return tf.cast(tf.where(tf.math.is_nan(waves), tf.zeros_like(waves), waves), tf.float32)


def parts(days: tf.Tensor) -> tf.Tensor:
    """Month, weekday and hour as codes from 0 (January, Monday, midnight).

    Args:
        days: days since 1970, float64 ``[batch, n]``; NaN is missing.

    Returns:
        float64 ``[batch, 3 * n]``: the months, then the weekdays, then the hours; NaN where missing.
    """
    whole = tf.floor(days)
    # Civil_from_days of the same source; only the month is needed.
    shifted = whole + 719468
    of_era = shifted - tf.floor(shifted / 146097) * 146097
    year_of_era = tf.floor(
        (of_era - tf.floor(of_era / 1460) + tf.floor(of_era / 36524) - tf.floor(of_era / 146096)) / 365
    )
    of_year = of_era - (365 * year_of_era + tf.floor(year_of_era / 4) - tf.floor(year_of_era / 100))
    march_based = tf.floor((5 * of_year + 2) / 153)
    month = tf.math.floormod(march_based + 2, 12)
    weekday = tf.math.floormod(whole + 3, 7)
    # Half a microsecond against the rounding of seconds to days.
    hour = tf.minimum(tf.floor((days - whole) * 24 + 1e-8), 23)
    return tf.concat([month, weekday, hour], axis=1)
