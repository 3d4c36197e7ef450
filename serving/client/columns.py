"""Rows to tensors: tf.Examples and columnar inputs, with missing values as the model was trained with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

Row = Mapping[str, object]

# How the columnar signature spells a missing value, by the input's numpy kind; the exporter's convention.
MISSING = {"f": np.float32("nan"), "i": np.iinfo(np.int64).min, "O": b""}
_KINDS = {"f": "number", "i": "whole number", "O": "text"}


def column(rows: Sequence[Row], name: str, dtype: np.dtype) -> np.ndarray:
    """One ``[rows]`` array of a named value, `MISSING` where a row lacks it.

    Args:
        rows: plain dicts; None and an absent key both mean missing.
        name: the key.
        dtype: float32, int64 or object (bytes).

    Raises:
        ValueError: a value is not of the column's type; names row and key.
    """
    values = []
    for index, row in enumerate(rows):
        value = row.get(name)
        if value is None or value == "":
            values.append(MISSING[dtype.kind])
            continue
        try:
            values.append(_convert(value, dtype))
        except (TypeError, ValueError, OverflowError):
            raise ValueError(f"row {index}, {name}: {value!r} is not a {_KINDS[dtype.kind]}") from None
    return np.array(values, dtype=dtype)


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
