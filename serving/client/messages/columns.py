"""Rows as columnar inputs, with the missing values that the model was trained with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serving.client.messages.holds import ANYTHING, Holds
from serving.client.messages.values import MISSING, is_missing, missing_of, values_of, wrong

Row = Mapping[str, object]
NEEDED = "the model cannot do without it"


def column(
    rows: Sequence[Row],
    name: str,
    dtype: np.dtype,
    *,
    shape: Sequence[int] | None = (),
    holds: Holds = ANYTHING,
    first: int = 0,
) -> np.ndarray:
    """One array of a named value; see `array`.

    Args:
        rows: plain dicts; a value is missing where the key is absent or `is_missing` says so.
        name: the key.
        dtype: as in `array`.
        shape: as in `array`.
        holds: as in `array`.
        first: as in `array`.
    """
    return array([row.get(name) for row in rows], name, dtype, shape=shape, holds=holds, first=first)


def array(
    values: Sequence[object],
    name: str,
    dtype: np.dtype,
    *,
    shape: Sequence[int] | None = (),
    holds: Holds = ANYTHING,
    first: int = 0,
) -> np.ndarray:
    """A column's values, ``[rows, *shape]``, with `MISSING` where one is missing.

    Args:
        values: one a row.
        name: the column's name.
        dtype: float32, int64 or object (bytes); a signature's input may have any other.
        shape: shape of one row's value: empty for a single value, None for lists of any length, which are padded at
            the end with `MISSING` to the longest, ``[rows, longest]``.
        holds: what the column holds.
        first: int, number of the first row, for the messages.

    Raises:
        ValueError: a value has the wrong type or size, or is missing where the dtype cannot express it; the text names
            row and column.
    """
    if shape is not None and not shape and (plain := _plain(values, dtype)) is not None:
        return plain
    found = [_row(value, name, dtype, shape, holds, f"row {first + index}") for index, value in enumerate(values)]
    lengths = {len(row) for row in found}
    width = max(lengths, default=0) if shape is None else int(np.prod(shape, dtype=np.int64))
    if not lengths <= {width}:
        _pad(found, width, missing_of(dtype), name, dtype, first)
    flat = [value for row in found for value in row]
    return np.array(flat, dtype=dtype).reshape([len(found), *([width] if shape is None else shape)])


def check_present(values: Sequence[object], name: str, *, first: int = 0) -> None:
    """Refuse a column without which the model refuses the row, before anything is sent.

    Args:
        values: of the column, one a row.
        name: the column's name.
        first: as in `array`.

    Raises:
        ValueError: a row lacks the column; the text names both.
    """
    for index, value in enumerate(values):
        if is_missing(value) or (isinstance(value, list | tuple) and all(map(is_missing, value))):
            raise ValueError(f"row {first + index}, {name}: is missing, and {NEEDED}")


def _plain(values: Sequence[object], dtype: np.dtype) -> np.ndarray | None:
    """Single values of Python's own types, all at once; None if they are not, or one does not fit."""
    types = set(map(type, values))
    try:
        if dtype.kind == "O" and types <= {str, type(None)}:
            texts = np.empty(len(values), object)
            texts[:] = [value.encode() if isinstance(value, str) else MISSING["O"] for value in values]
            return texts
        if dtype == np.int64 and types == {int}:
            return np.array(values, np.int64)
        if dtype.kind == "f" and types <= {float, int, type(None)}:
            numbers = np.array(values, np.float64)
            fits = np.isinf(numbers) | ~(np.abs(numbers) > np.finfo(dtype).max)
            return numbers.astype(dtype) if fits.all() else None
    except (OverflowError, UnicodeEncodeError):
        pass
    return None


def _row(value: object, name: str, dtype: np.dtype, shape: Sequence[int] | None, holds: Holds, where: str) -> list[Any]:
    try:
        return values_of(value, dtype, shape, holds)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(wrong(where, name, value, dtype, shape, holds)) from None


def _pad(found: list[list[Any]], width: int, missing: Any, name: str, dtype: np.dtype, first: int) -> None:
    """Make all rows ``width`` long."""
    for index, row in enumerate(found):
        if len(row) == width:
            continue
        if missing is None:
            lacks = f"has {len(row)} of {width} values" if row else "is missing"
            raise ValueError(f"row {first + index}, {name}: {lacks}, which an input of {dtype} cannot express")
        found[index] = row + [missing] * (width - len(row))
