"""In which formats a column's texts are dates."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from components.example_gen.rows.times import iso_of
from components.reference.column_encoders import is_iso
from trainer.features.dates.iso import READABLE

WHOLE = "%Y%m%d"
_DATES = (
    *("%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%Y/%m/%d", "%Y.%m.%d", "%Y-%m-%d", "%d %b %Y", "%d. %b %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%b %d %Y"),
)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_FORMATS = tuple(date + time for date in _DATES for time in _TIMES)
_FEW = 20


def best_formats(texts: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """The formats that fit the most texts, and how many these are.

    Args:
        texts: the column's texts, none of them empty.
    """
    few, every = pa.array(texts[:_FEW], pa.large_string()), pa.array(texts, pa.large_string())
    # One text in twenty may be no date; what fits fewer is no format of the column.
    likely = [given for given in _FORMATS if _fitting(few, given) * 20 >= len(few) * 19]
    counts = {given: _fitting(every, given) for given in likely}
    most = max(counts.values(), default=0)
    return tuple(given for given, count in counts.items() if count == most), most


def are_dates(numbers: Sequence[int]) -> bool:
    """Whether whole numbers are all days such as 20240131."""
    return _fitting(pa.array(list(map(str, numbers)), pa.large_string()), WHOLE) == len(numbers)


def misfit(texts: Sequence[str], given: str) -> str:
    """The first text that is no date of a format."""
    return next(text for text in texts if not _fitting(pa.array([text], pa.large_string()), given))


def is_date(text: str, given: str | None) -> bool:
    """Whether a text is a date of a format; None is ISO's."""
    return is_iso(text) if given is None else bool(_fitting(pa.array([text], pa.large_string()), given))


def _fitting(texts: pa.Array, given: str) -> int:
    return int(pc.sum(pc.match_substring_regex(iso_of(texts, given), READABLE)).as_py() or 0)
