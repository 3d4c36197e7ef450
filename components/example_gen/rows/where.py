"""Whether rows meet a condition, evaluated on whole columns by Arrow.

As in SQL, a comparison with a missing value is neither true nor false; a row is kept only if the whole is true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from components.example_gen.rows.columns import Columns
from components.example_gen.rows.expression import (
    ColumnValue,
    Comparison,
    Condition,
    IsMissing,
    Joined,
    Not,
    OneOf,
    Value,
)
from components.refusal import GateRefused

_COMPARE: Mapping[str, Callable[..., pa.Array]] = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


def kept(condition: Condition, columns: Columns, *, rows: int, key: str = "data.where") -> pa.BooleanArray:
    """Which of the rows are kept.

    Args:
        condition: what must be true.
        columns: at least those that the condition names.
        rows: how many rows there are.
        key: the key of the config that holds the condition.

    Raises:
        GateRefused: a column of numbers is compared with a text, or one of texts with a number.
    """
    try:
        return pc.fill_null(_truth(condition, columns, rows), False)
    except _Incomparable as error:
        raise GateRefused(f"{key}: {error}.") from None


class _Incomparable(Exception):
    """A number and a text."""


def _truth(condition: Condition, columns: Columns, rows: int) -> pa.BooleanArray:
    """True, false or null for each row."""
    match condition:
        case IsMissing(column):
            return columns[column.name].is_null()
        case Not(inner):
            return pc.invert(_truth(inner, columns, rows))
        case Joined(by, parts):
            join = pc.and_kleene if by == "and" else pc.or_kleene
            return reduce(join, (_truth(part, columns, rows) for part in parts))
        case OneOf(column, values):
            found = columns[column.name]
            if pa.types.is_null(found.type):
                return pa.nulls(rows, pa.bool_())
            found, among = _alike(column, found, values)
            # Arrow says of a null that it is not among them.
            return pc.if_else(found.is_valid(), pc.is_in(found, among), pa.scalar(None, pa.bool_()))
        case Comparison(left, operator, right):
            sides = _sides(left, right, columns)
            if any(pa.types.is_null(side.type) for side in sides):
                return pa.nulls(rows, pa.bool_())
            return _COMPARE[operator](*sides)


def _sides(left: ColumnValue | Value, right: ColumnValue | Value, columns: Columns) -> tuple[pa.Array, pa.Array]:
    if not isinstance(left, ColumnValue):
        return _sides(right, left, columns)[::-1]
    first = columns[left.name]
    if not isinstance(right, ColumnValue):
        return _alike(left, first, (right,), scalar=True)
    second = columns[right.name]
    if pa.types.is_null(first.type) or pa.types.is_null(second.type) or first.type == second.type:
        return first, second
    if _is_text(first) or _is_text(second):
        raise _Incomparable(f"{left.name} is {_kind(first)}, but {right.name} is {_kind(second)}")
    # Arrow would take float32 for both, in which large integers are rounded.
    return first.cast(pa.float64(), safe=False), second.cast(pa.float64(), safe=False)


def _alike(
    column: ColumnValue, found: pa.Array, values: Sequence[Value], *, scalar: bool = False
) -> tuple[pa.Array, pa.Array | pa.Scalar]:
    """A column and constants in one type: a float32 column holds 0.1 as float32, and must equal 0.1."""
    if pa.types.is_null(found.type):
        return found, found
    if _is_text(found) != isinstance(values[0], str):
        raise _Incomparable(f"{column.name} is {_kind(found)}, but it is compared with {values[0]!r}")
    if isinstance(values[0], str):
        constants = pa.array([str(value).encode() for value in values], pa.large_binary())
    elif pa.types.is_integer(found.type) and any(isinstance(value, float) for value in values):
        found, constants = found.cast(pa.float64(), safe=False), pa.array(map(float, values), pa.float64())
    else:
        convert = int if pa.types.is_integer(found.type) else float
        constants = pa.array(map(convert, values), found.type)
    return found, constants[0] if scalar else constants


def _is_text(column: pa.Array) -> bool:
    return pa.types.is_large_binary(column.type)


def _kind(column: pa.Array) -> str:
    return "text" if _is_text(column) else "a number"
