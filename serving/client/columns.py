"""Rows to tensors: tf.Examples and columnar inputs, with missing values as the model was trained with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

Row = Mapping[str, object]

# How the columnar signature spells a missing value, by the input's numpy kind; the exporter's convention.
MISSING = {"f": np.float32("nan"), "i": np.iinfo(np.int64).min, "O": b""}


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
            values.append(_convert(value, dtype.kind))
        except (TypeError, ValueError):
            raise ValueError(f"row {index}, {name}: {value!r} is not a {_KINDS[dtype.kind]}") from None
    return np.array(values, dtype=dtype)


_KINDS = {"f": "number", "i": "whole number", "O": "text"}


def _convert(value: object, kind: str) -> object:
    if kind == "O":
        return value if isinstance(value, bytes) else str(value).encode()
    if kind == "i":
        number = float(value)
        if number != int(number):
            raise ValueError
        return int(value) if isinstance(value, (int, str)) and "." not in str(value) else int(number)
    return float(value)
