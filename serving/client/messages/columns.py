"""Rows as columnar inputs, with the missing values that the model was trained with."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

Row = Mapping[str, object]

# How the columnar signature represents a missing value, by the input's numpy kind; the exporter's convention.
MISSING = {"f": np.float32("nan"), "i": np.iinfo(np.int64).min, "O": b""}
_KINDS = {"f": "number", "i": "whole number", "O": "text", "b": "yes or no"}


def is_missing(value: object) -> bool:
    """Whether a row's value is missing: None, an empty text, or NaN as in pandas."""
    if value is None:
        return True
    if isinstance(value, (str, bytes)):
        return not value
    return isinstance(value, Real) and value != value


def column(rows: Sequence[Row], name: str, dtype: np.dtype, *, shape: Sequence[int] = ()) -> np.ndarray:
    """One array of a named value, ``[rows, *shape]``, `MISSING` where a row lacks it.

    Args:
        rows: plain dicts; a value is missing where the key is absent or `is_missing` says so.
        name: the key.
        dtype: float32, int64 or object (bytes).
        shape: shape of one row's value: empty for a single value; a list of numbers may be flat or nested.

    Raises:
        ValueError: a value has the wrong type or size; the text names row and key.
    """
    values = []
    for index, row in enumerate(rows):
        value = row.get(name)
        if is_missing(value):
            if dtype.kind not in MISSING or dtype.kind == "i" and dtype.itemsize < 8:
                raise ValueError(f"row {index}, {name}: is missing, which an input of {dtype} cannot express")
            values.append(np.full(shape, MISSING[dtype.kind], dtype) if shape else MISSING[dtype.kind])
            continue
        try:
            values.append(_array(value, dtype, shape) if shape else convert(value, dtype))
        except (TypeError, ValueError, OverflowError):
            raise ValueError(wrong(index, name, value, dtype, math.prod(shape) if shape else None)) from None
    return np.array(values, dtype=dtype).reshape([len(rows), *shape])


def wrong(index: int, name: str, value: object, dtype: np.dtype, count: int | None) -> str:
    """The error text for a value that its feature does not take.

    Args:
        index: index of the row.
        name: name of the feature.
        value: the row's value.
        dtype: numpy dtype of the feature.
        count: int, values that the feature takes; None: one.
    """
    kind = _KINDS.get(dtype.kind, dtype.name)
    wanted = f"a {kind}" if count is None else f"a list of {count} {kind}s"
    text = repr(value)
    return f"row {index}, {name}: {text if len(text) <= 60 else f'{text[:57]}...'} is not {wanted}"


def _array(value: object, dtype: np.dtype, shape: Sequence[int]) -> np.ndarray:
    flat = np.array(value, dtype=object).reshape(shape).flat
    return np.array([convert(item, dtype) for item in flat], dtype=dtype).reshape(shape)


def convert(value: Any, dtype: np.dtype) -> object:
    """A single value in the column's type; TypeError, ValueError or OverflowError if it does not fit."""
    if dtype.kind == "O":
        if isinstance(value, (dict, list, tuple, np.ndarray)):
            raise TypeError
        return value if isinstance(value, bytes) else str(value).encode()
    if dtype.kind in "iu":
        return dtype.type(_whole(value))
    if dtype.kind == "b":
        return bool(operator.index(value))
    number = float(value)
    if abs(number) > float(np.finfo(dtype).max) and not np.isinf(number):
        raise OverflowError
    return number


def _whole(value: Any) -> int:
    """An integer without going through float, which rounds beyond 2**53."""
    if hasattr(value, "__index__"):
        return operator.index(value)
    if isinstance(value, str) and value.strip().lstrip("+-").isdigit():
        return int(value)
    if float(value) != int(float(value)):
        raise ValueError
    return int(float(value))
