"""Points in time as ordered numbers, and the ones from which on a share of all rows is, in constant memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.refusal import GateRefused
from trainer.features.dates import formats

# How many distinct times are kept; beyond that, neighbouring ones share a place.
_MOST = 2**16
# An offset such as +01:00 or Z after a time; a date ends like one.
_ZONED = r":\d\d.*([Zz]|[+-]\d\d(:?\d\d)?)$"


def iso_of(words: pa.Array, given: str) -> pa.Array:
    """ISO text of dates in another format, see `formats`; what is none of it becomes ``?``."""
    for pattern, replacement in formats.replacements(given):
        words = pc.replace_substring_regex(words, pattern, replacement)
    return words


def ordered(name: str, column: pa.Array, *, given: str | None = None) -> np.ndarray:
    """Numbers that are ordered as the times are, int64 ``[rows]``.

    Args:
        name: the column's name.
        column: int64, float32 or large_binary with ISO dates or timestamps, without nulls. Those without a time zone
            are in UTC.
        given: the format of text or whole numbers that are dates; None for the ways above.

    Raises:
        GateRefused: a text is no date or timestamp.
    """
    if pa.types.is_null(column.type):
        return np.zeros(0, np.int64)
    if not given and pa.types.is_integer(column.type):
        return column.to_numpy()
    if not given and pa.types.is_floating(column.type):
        bits = column.to_numpy().astype(np.float64).view(np.int64)
        # The bits of positive numbers are ordered as the numbers are, those of negative ones the other way round.
        return np.where(bits < 0, bits ^ np.iinfo(np.int64).max, bits)
    try:
        return _microseconds(column, given)
    except pa.ArrowInvalid:
        what = f"date of the format {given}" if given else _ISO
        raise GateRefused(f"{name} is {_unreadable(column, given)!r}, which is no {what}; {_ADVICE}") from None


_ISO = "ISO date or timestamp such as 2024-01-31 or 2024-01-31T12:00:00"
_ADVICE = "rows cannot be split by it: correct it, or the format of data.splits."


class TimeCounts:
    """How many rows there are at each time.

    The result does not depend on the order in which rows are added.
    """

    def __init__(self, most: int = _MOST):
        self._most, self._shift = most, 0
        self._times, self._rows = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._pending: list[np.ndarray] = []

    def add(self, times: np.ndarray) -> None:
        """Count rows.

        Args:
            times: int64 ``[rows]``, see `ordered`.
        """
        self._pending.append(times)
        if sum(map(len, self._pending)) >= self._most:
            self._merge()

    def bounds(self, shares: Sequence[float]) -> list[int]:
        """The times from which on the rows are the latest ones.

        Args:
            shares: shares of all rows, the largest first.

        Returns:
            For each share the time from which on the share of rows is nearest to it.
        """
        self._merge()
        since = np.cumsum(self._rows[::-1])[::-1]
        return [int(self._times[np.abs(since - share * since[:1]).argmin()]) << self._shift for share in shares]

    def _merge(self) -> None:
        new = np.concatenate(self._pending) >> self._shift if self._pending else np.zeros(0, np.int64)
        self._pending = []
        times = np.concatenate([self._times, new])
        rows = np.concatenate([self._rows, np.ones(len(new), np.int64)])
        while True:
            self._times, places = np.unique(times, return_inverse=True)
            self._rows = np.bincount(places, weights=rows, minlength=0).astype(np.int64)
            if len(self._times) <= self._most:
                return
            times, rows, self._shift = self._times >> 1, self._rows, self._shift + 1


def _microseconds(column: pa.Array, given: str | None) -> np.ndarray:
    texts = column.cast(pa.large_string())
    texts = iso_of(texts, given) if given else texts
    # Digits after the microseconds decide nothing.
    texts = pc.replace_substring_regex(texts, r"(\.\d{6})\d+", r"\1")
    zoned = pc.match_substring_regex(texts, _ZONED)
    here = pc.if_else(zoned, None, texts).cast(pa.timestamp("us"))
    elsewhere = pc.if_else(zoned, texts, None).cast(pa.timestamp("us", "UTC"))
    return pc.coalesce(here.cast(pa.int64()), elsewhere.cast(pa.int64())).to_numpy()


def _unreadable(column: pa.Array, given: str | None) -> str:
    for index in range(len(column)):
        try:
            _microseconds(column.slice(index, 1), given)
        except pa.ArrowInvalid:
            value = column[index].as_py()
            return value[:80].decode(errors="replace") if isinstance(value, bytes) else str(value)
    return ""
