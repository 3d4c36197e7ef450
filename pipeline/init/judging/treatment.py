"""What becomes of a column, and how what was seen of it is said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from components.messages import one_line
from pipeline.init.reading.profile import MOST_COUNTED, ColumnProfile

_FREQUENT = 0.05
_VALUE = 30
_LONG = 1e15


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """What becomes of a column.

    Attributes:
        entry: its line under ``features``: a kind, its options, or a list of these. None leaves it out.
        reason: why it is left out.
        warning: what a person should look at.
        schema_type: its type in the schema.
    """

    entry: Any = None
    reason: str = ""
    warning: str = ""
    schema_type: str

    @property
    def kinds(self) -> list[str]:
        """The names of its kinds."""
        entries = self.entry if isinstance(self.entry, list) else [self.entry] if self.entry else []
        return [each if isinstance(each, str) else each["kind"] for each in entries]


def seen(column: ColumnProfile) -> str:
    """The share that is missing, range or number of values, and the most frequent one."""
    parts = [f"{missing(column)} missing" if column.missing else "complete"]
    if column.is_list:
        fewest, most = column.lengths
        parts.append(f"{most} numbers" if fewest == most and column.type != "BYTES" else f"up to {most} values a row")
    if column.is_number:
        parts.append(f"{figure(column.least)} to {figure(column.most)}")
    parts.append(distinct(column) + " values" if column.is_utf8 else "bytes")
    if not column.many and column.counts and column.is_utf8:
        value, count = column.counts[0]
        share = count / max(1, sum(each for _, each in column.counts))
        if share >= _FREQUENT and count > 1:
            parts.append(f"most often {said(value)} ({share:.0%})")
    return ", ".join(parts)


def missing(column: ColumnProfile) -> str:
    """The share of the rows without a value."""
    return f"{column.share_missing:.1%}" if column.share_missing >= 0.0005 else "<0.1%"


def distinct(column: ColumnProfile) -> str:
    """The number of distinct values."""
    return f"over {MOST_COUNTED:,}" if column.many else f"{column.distinct:,}"


def figure(number: float) -> str:
    """A number: whole ones with all digits, others with six."""
    return str(int(number)) if number == int(number) and abs(number) < _LONG else f"{number:.6g}"


def said(value: Any) -> str:
    """A value in a comment."""
    text = figure(value) if isinstance(value, float) else str(value)
    return one_line(text if len(text) <= _VALUE else text[:_VALUE] + "...")


def is_number(text: str) -> bool:
    """Whether a text is a number as a CSV file's reader takes it, and no NaN."""
    try:
        return text.isascii() and not math.isnan(float(text))
    except ValueError:
        return False
