"""Rows to tensors: tf.Examples and columnar inputs, with missing values as the model was trained with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

Row = Mapping[str, object]

# How the columnar signature spells a missing value, by the input's numpy kind; the exporter's convention.
MISSING = {"f": np.float32("nan"), "i": np.iinfo(np.int64).min, "O": b""}
_KINDS = {"f": "number", "i": "whole number", "O": "text"}


def column(rows: Sequence[Row], name: str, dtype: np.dtype, *, shape: Sequence[int] = ()) -> np.ndarray:
    """One array of a named value, ``[rows, *shape]``, `MISSING` where a row lacks it.

    Args:
        rows: plain dicts; None and an absent key both mean missing.
        name: the key.
        dtype: float32, int64 or object (bytes).
        shape: of one row's value: empty for a single value; a list of numbers may be flat or nested.

    Raises:
        ValueError: a value is not of the column's type or size; names row and key.
    """
    values = []
    for index, row in enumerate(rows):
        value = row.get(name)
        if value is None or value == "":
            values.append(np.full(shape, MISSING[dtype.kind], dtype) if shape else MISSING[dtype.kind])
            continue
        try:
            values.append(_array(value, dtype, shape) if shape else _convert(value, dtype))
        except (TypeError, ValueError, OverflowError):
            wanted = f"a list of {math.prod(shape)} {_KINDS[dtype.kind]}s" if shape else f"a {_KINDS[dtype.kind]}"
            raise ValueError(f"row {index}, {name}: {_shortened(value)} is not {wanted}") from None
    return np.array(values, dtype=dtype).reshape([len(rows), *shape])


def _array(value: object, dtype: np.dtype, shape: Sequence[int]) -> np.ndarray:
    flat = np.array(value, dtype=object).reshape(shape).flat
    return np.array([_convert(item, dtype) for item in flat], dtype=dtype).reshape(shape)


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _convert(value: object, dtype: np.dtype) -> object:
    """The value as the column holds it; TypeError, ValueError or OverflowError where it cannot."""
    if dtype.kind == "O":
        if isinstance(value, (dict, list, tuple)):
            raise TypeError
        return value if isinstance(value, bytes) else str(value).encode()
    if dtype.kind == "i":
        if isinstance(value, int) or (isinstance(value, str) and value.strip().lstrip("+-").isdigit()):
            return dtype.type(int(value))
        if float(value) != int(float(value)):
            raise ValueError
        return dtype.type(int(float(value)))
    number = float(value)
    if abs(number) > np.finfo(dtype).max and not np.isinf(number):
        raise OverflowError
    return number
