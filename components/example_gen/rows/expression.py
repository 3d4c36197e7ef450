"""The language of ``data.where``: comparisons of columns, joined by ``and``, ``or`` and ``not``.

It is read by Python's own parser and then limited to what is listed here, so an expression can run nothing. No Arrow
here: a mistake must be reported within a second.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NoReturn

Value = bool | int | float | str
Operator = Literal["==", "!=", "<", "<=", ">", ">="]

_OPERATORS: dict[type[ast.cmpop], Operator] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_MISSING = "missing"
# Text in quotes, which may hold a backtick, or a name in backticks.
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]+`""")
_LONGEST_SHOWN = 60


class ExpressionError(ValueError):
    """An expression is wrong; the message names the place in it."""


@dataclass(frozen=True)
class ColumnValue:
    """The value of a column."""

    name: str


@dataclass(frozen=True)
class Comparison:
    """Two operands, at least one of them a column."""

    left: ColumnValue | Value
    operator: Operator
    right: ColumnValue | Value


@dataclass(frozen=True)
class OneOf:
    """Whether a column's value is among ``values``, which are all texts or all numbers."""

    column: ColumnValue
    values: tuple[Value, ...]


@dataclass(frozen=True)
class IsMissing:
    """Whether a column has no value."""

    column: ColumnValue


@dataclass(frozen=True)
class Not:
    """The opposite of a condition."""

    condition: Condition


@dataclass(frozen=True)
class Joined:
    """Conditions of which all must hold, or one."""

    by: Literal["and", "or"]
    conditions: tuple[Condition, ...]


Condition = Comparison | OneOf | IsMissing | Not | Joined


def parse(text: str) -> Condition:
    """Read an expression.

    A name that is no Python identifier stands in backticks.

    Raises:
        ExpressionError: with the place of the mistake, counted from 1.
    """
    return _Reader(text).condition()


def columns(condition: Condition) -> Iterator[str]:
    """The names of the columns in a condition, from left to right; one may come several times."""
    match condition:
        case Comparison(left, _, right):
            yield from (side.name for side in (left, right) if isinstance(side, ColumnValue))
        case OneOf(column) | IsMissing(column):
            yield column.name
        case Not(inner):
            yield from columns(inner)
        case Joined(_, parts):
            for part in parts:
                yield from columns(part)


class _Reader:
    """Python's tree of an expression, turned into conditions."""

    def __init__(self, text: str):
        self._text = text.replace("\n", " ").strip()
        # A name of the same length keeps every place; the name itself is then read from the text.
        self._plain = _QUOTED.sub(lambda found: found[0] if found[0][0] != "`" else "_" * len(found[0]), self._text)
        try:
            self._tree = ast.parse(self._plain, mode="eval").body
        except SyntaxError as error:
            # Python says 0 where something is missing at the end.
            raise self._error(
                error.offset - 1 if error.offset else len(self._text), "cannot be read from here on"
            ) from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise self._error(0, f"cannot be read ({error})") from None

    def condition(self) -> Condition:
        return self._condition(self._tree)

    def _condition(self, node: ast.expr) -> Condition:
        match node:
            case ast.BoolOp(operation, values):
                by = "and" if isinstance(operation, ast.And) else "or"
                return Joined(by, tuple(map(self._condition, values)))
            case ast.UnaryOp(ast.Not(), operand):
                return Not(self._condition(operand))
            case ast.Compare(left, operators, rights):
                pairs = zip(operators, itertools.pairwise([left, *rights]), strict=True)
                parts = [self._comparison(first, operator, second) for operator, (first, second) in pairs]
                return parts[0] if len(parts) == 1 else Joined("and", tuple(parts))
            case ast.Name():
                self._refuse(node, "is no condition; compare it, for example with == 1, or ask whether it is missing")
        return self._refuse(node, "is no condition; there are comparisons, in, is missing, and, or and not")

    def _comparison(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> Condition:
        match operator:
            case ast.Is() | ast.IsNot():
                if self._source(right) != _MISSING:
                    self._refuse(right, "cannot follow `is`, only `missing` can; use == to compare")
                found = IsMissing(self._column(left))
                return Not(found) if isinstance(operator, ast.IsNot) else found
            case ast.In() | ast.NotIn():
                found = OneOf(self._column(left), self._values(right))
                return Not(found) if isinstance(operator, ast.NotIn) else found
        sides = self._operand(left), self._operand(right)
        if not any(isinstance(side, ColumnValue) for side in sides):
            self._refuse(left, "is compared with another constant; one side must be a column")
        return Comparison(sides[0], _OPERATORS[type(operator)], sides[1])

    def _column(self, node: ast.expr) -> ColumnValue:
        if not isinstance(node, ast.Name):
            self._refuse(node, "must be the name of a column")
        return ColumnValue(self._source(node).strip("`"))

    def _operand(self, node: ast.expr) -> ColumnValue | Value:
        return self._column(node) if isinstance(node, ast.Name) else self._value(node)

    def _values(self, node: ast.expr) -> tuple[Value, ...]:
        if not isinstance(node, (ast.List, ast.Tuple, ast.Set)) or not node.elts:
            self._refuse(node, "must be a list of constants, such as ['Cash', 'Unknown']")
        values = tuple(map(self._value, node.elts))
        if len({isinstance(value, str) for value in values}) > 1:
            self._refuse(node, "has texts and numbers; a column holds one of them")
        return values

    def _value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(int() as value) if value >= 2**63:
                self._refuse(node, "has more than 64 bits")
            case ast.Constant(bool() | int() | float() | str() as value):
                return value
            case ast.UnaryOp(ast.USub(), ast.Constant(int() | float()) as number):
                value = self._value(number)
                return value if isinstance(value, str) else -value
        return self._refuse(node, "must be a column or a constant: a number, or a text in quotes")

    def _place(self, node: ast.expr, *, end: bool = False) -> int:
        """Where a node begins or ends in the text; Python counts bytes."""
        offset = (node.end_col_offset or 0) if end else node.col_offset
        return len(self._plain.encode()[:offset].decode())

    def _source(self, node: ast.expr) -> str:
        return self._text[self._place(node) : self._place(node, end=True)]

    def _refuse(self, node: ast.expr, reason: str) -> NoReturn:
        raise self._error(self._place(node), reason, shown=self._source(node))

    def _error(self, place: int, reason: str, shown: str | None = None) -> ExpressionError:
        text = self._text[place:] if shown is None else shown
        cut = f"{text[:_LONGEST_SHOWN]}..." if len(text) > _LONGEST_SHOWN else text
        return ExpressionError(f"character {place + 1}: {cut!r} {reason}" if text else f"ends too early: {reason}")
