"""Single values of rows: which are missing, and the others in the type of their column."""

from __future__ import annotations

import decimal
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from serving.client.messages import dates
from serving.client.messages.holds import ANYTHING, Holds

# How the columnar signature represents a missing value, by the input's numpy kind; the exporter's convention.
MISSING = {"f": np.float32("nan"), "i": np.iinfo(np.int64).min, "O": b""}
_KINDS = {"f": "number", "i": "whole number", "u": "whole number", "O": "text", "b": "yes or no"}
_BOOLEANS = {"true": 1, "false": 0}
_LONGEST = 60
_CONTAINERS = (dict, list, tuple, set, frozenset, np.ndarray)
_SECONDS = "%s"
# More than any type of whole numbers holds.
_BEYOND = 2**64


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


def values_of(value: object, dtype: np.dtype, shape: Sequence[int] | None, holds: Holds = ANYTHING) -> list[Any]:
    """The values of one row in row-major order; none if the row's value is missing.

    Args:
        value: of the row. A list may be flat or nested.
        dtype: float32, int64 or object (bytes); a signature's input may have any other.
        shape: of the row's value: empty for a single value, None for a list of any length, whose empty texts are left
            out, as in training.
        holds: what the column holds.

    Raises:
        TypeError, ValueError, OverflowError: the value does not fit, or lacks one of its own: ingest refuses None and
            NaN inside a list as well, so no model has learnt what they mean.
    """
    if is_missing(value):
        return []
    if shape is not None and not shape:
        single = value[0] if isinstance(value, (list, tuple, np.ndarray)) and len(value) == 1 else value
        return [] if is_missing(single) else [convert(single, dtype, holds)]
    given = np.array(value, dtype=object)
    if shape is None:
        if given.ndim > 1:
            raise ValueError
        given = given.reshape(-1)
    items = list((given if shape is None else given.reshape(shape)).flat)
    if shape is None:
        items = [item for item in items if not (isinstance(item, str | bytes) and not item)]
    if any(item is None or (not isinstance(item, str | bytes) and is_missing(item)) for item in items):
        raise ValueError
    return [convert(item, dtype, holds) for item in items]


def wrong(
    where: str, name: str, value: object, dtype: np.dtype, shape: Sequence[int] | None, holds: Holds = ANYTHING
) -> str:
    """The error text for a value that its column does not take.

    Args:
        where: the row, such as ``row 3``.
        name: name of the column.
        value: the row's value.
        dtype: numpy dtype of the column.
        shape: as in `values_of`.
        holds: what the column holds.
    """
    kind = _KINDS.get(dtype.kind, dtype.name)
    if holds.dates and (dtype.kind == "O" or dates.is_date(value)):
        kind = f"date of the format {holds.date_format}" if holds.date_format else "date"
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


def convert(value: Any, dtype: np.dtype, holds: Holds = ANYTHING) -> object:
    """A single value in the column's type; TypeError, ValueError or OverflowError if it does not fit."""
    if dates.is_date(value):
        return _date(value, dtype, holds.date_format)
    if dtype.kind == "O":
        if isinstance(value, _CONTAINERS) or (holds.dates and not isinstance(value, str | bytes)):
            raise TypeError
        return value if isinstance(value, bytes) else str(value).encode()
    if isinstance(value, bytes):
        value = value.decode()
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


def _date(value: Any, dtype: np.dtype, given: str | None) -> object:
    """A date as its column writes it; of a column of numbers, the format has to be known."""
    if dtype.kind == "O":
        return (dates.written(value, given) if given else dates.iso(value)).encode()
    if given is None:
        raise TypeError
    if given == _SECONDS:
        number = dates.seconds(value)
        return dtype.type(math.floor(number)) if dtype.kind in "iu" else number
    text = dates.written(value, given, whole=True)
    number = int(text)
    # The model reads the number's digits.
    if str(number) != text or int(dtype.type(number)) != number:
        raise ValueError
    return dtype.type(number)


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
    try:
        number = decimal.Decimal(value) if isinstance(value, str | decimal.Decimal) else float(value)
        # Before an int, which an exponent could make as long as memory.
        if abs(number) < _BEYOND and number == int(number):
            return int(number)
    except decimal.DecimalException:
        pass
    raise ValueError
