"""Single values of rows: which are missing, and the others in the type of their column."""

from __future__ import annotations

import datetime
import math
import operator
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

# How the columnar signature represents a missing value, by the input's numpy kind; the exporter's convention.
MISSING = {"f": np.float32("nan"), "i": np.iinfo(np.int64).min, "O": b""}
_KINDS = {"f": "number", "i": "whole number", "u": "whole number", "O": "text", "b": "yes or no"}
_BOOLEANS = {"true": 1, "false": 0}
_LONGEST = 60


def is_missing(value: object) -> bool:
    """Whether a row's value is missing: None, an empty text or list, or what differs from itself, as NaN and NaT do."""
    if value is None:
        return True
    if isinstance(value, (str, bytes, list, tuple)):
        return not value
    if isinstance(value, np.ndarray):
        return not value.size
    try:
        return bool(value != value)  # noqa: PLR0124 (what the NaN of every library answers)
    except TypeError:
        # Whether pandas' NA differs from itself is NA as well.
        return True


def missing_of(dtype: np.dtype) -> Any:
    """The value that stands for a missing one; None if the dtype has none."""
    return None if dtype.kind == "i" and dtype.itemsize < 8 else MISSING.get(dtype.kind)


def values_of(value: object, dtype: np.dtype, shape: Sequence[int] | None) -> list[Any]:
    """The values of one row in row-major order; none if the row's value is missing.

    Args:
        value: of the row. A list may be flat or nested.
        dtype: float32, int64 or object (bytes); a signature's input may have any other.
        shape: of the row's value: empty for a single value, None for a list of any length, whose empty texts are left
            out, as in training.

    Raises:
        TypeError, ValueError, OverflowError: the value does not fit, or lacks one of its own: ingest refuses None and
            NaN inside a list as well, so no model has learnt what they mean.
    """
    if is_missing(value):
        return []
    if shape is not None and not shape:
        single = value[0] if isinstance(value, (list, tuple, np.ndarray)) and len(value) == 1 else value
        return [] if is_missing(single) else [convert(single, dtype)]
    items = list(np.array(value, dtype=object).reshape(-1 if shape is None else shape).flat)
    if shape is None:
        items = [item for item in items if not (isinstance(item, str | bytes) and not item)]
    if any(item is None or (not isinstance(item, str | bytes) and is_missing(item)) for item in items):
        raise ValueError
    return [convert(item, dtype) for item in items]


def wrong(where: str, name: str, value: object, dtype: np.dtype, shape: Sequence[int] | None) -> str:
    """The error text for a value that its column does not take.

    Args:
        where: the row, such as ``row 3``.
        name: name of the column.
        value: the row's value.
        dtype: numpy dtype of the column.
        shape: as in `values_of`.
    """
    kind = _KINDS.get(dtype.kind, dtype.name)
    wanted = (
        f"a list of {kind}s" if shape is None else f"a list of {math.prod(shape)} {kind}s" if shape else f"a {kind}"
    )
    text = repr(_readable(value))
    return f"{where}, {name}: {text if len(text) <= _LONGEST else f'{text[: _LONGEST - 3]}...'} is not {wanted}"


def _readable(value: object) -> object:
    """The value with bytes as text."""
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return [_readable(item) for item in value] if isinstance(value, list) else value


def convert(value: Any, dtype: np.dtype) -> object:
    """A single value in the column's type; TypeError, ValueError or OverflowError if it does not fit."""
    if dtype.kind == "O":
        if isinstance(value, (dict, list, tuple, np.ndarray)):
            raise TypeError
        return value if isinstance(value, bytes) else _text(value).encode()
    if _has_underscores(value):
        raise ValueError
    if dtype.kind in "iu":
        return dtype.type(_whole(value))
    if dtype.kind == "b":
        return bool(operator.index(value))
    number = float(value)
    if abs(number) > float(np.finfo(dtype).max) and not np.isinf(number):
        raise OverflowError
    return number


def _has_underscores(value: object) -> bool:
    """Whether Python would read a text such as 1_000 as a number, which no file means."""
    return isinstance(value, str) and "_" in value


def _text(value: object) -> str:
    """A value as text; dates and times as ingest writes those of a Parquet file."""
    if isinstance(value, np.datetime64):
        return re.sub(r"\.0+$", "", str(value))
    if isinstance(value, datetime.datetime):
        zone = "Z" if value.tzinfo else ""
        plain = value.astimezone(datetime.UTC).replace(tzinfo=None) if zone else value
        return plain.isoformat() + zone
    return str(value)


def _whole(value: Any) -> int:
    """An integer without going through float, which rounds beyond 2**53; booleans are 0 and 1, also as text."""
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in _BOOLEANS:
            return _BOOLEANS[text.lower()]
        if text.lstrip("+-").isdigit():
            return int(text)
    elif hasattr(value, "__index__"):
        return operator.index(value)
    if float(value) != int(float(value)):
        raise ValueError
    return int(float(value))
