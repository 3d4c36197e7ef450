"""The cells of CSV files as numbers; each becomes what TFX's CsvExampleGen makes of it, but for codes such as 01067.

A type is ``INT``, ``FLOAT`` or ``BYTES``, as in a schema, or ``UNKNOWN`` for a column without any value.
"""

from __future__ import annotations

import decimal
import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from components.example_gen.reading import CsvOptions
from trainer.features.dates.iso import READABLE

TYPES = ("INT", "FLOAT", "BYTES")
# From the narrowest to the one that holds everything.
ORDER = ("UNKNOWN", *TYPES)
_ARROW = {"INT": pa.int64(), "FLOAT": pa.float64()}
_SOME = 64
_INT64 = range(-(2**63), 2**63)
# Blanks, and what R, spreadsheets, databases and the tables of the UCI archive write.
_MARKS = ("", "na", "n/a", "#n/a", "<na>", "null", "none", "?", "-", "--", ".")
_NAN = r"(?i)^\s*[+-]?nan\s*$"
_PADDED = r"^0[0-9]+$"


class NotOfType(Exception):
    """A cell that its column's type cannot hold.

    Attributes:
        index: its index.
        text: what it holds.
    """

    def __init__(self, index: int, text: str):
        super().__init__(index, text)
        self.index, self.text = index, text


def converted(cells: pa.Array, kind: str, options: CsvOptions, *, integer: bool = False) -> pa.Array:
    """Cells as values of a type; NaN stays NaN.

    Args:
        cells: text; null for an empty cell.
        kind: the type.
        options: how numbers are written.
        integer: whether an ``INT`` may be written as pandas writes one beside missing values: as 17031.0, or as NaN.

    Raises:
        NotOfType: the first cell of another type.
    """
    if kind == "BYTES":
        return cells
    if kind == "UNKNOWN":
        return pa.nulls(len(cells))
    plain = _plain(cells, options)
    values = _parsed(plain, kind)
    if values is None and integer and kind == "INT":
        plain = _without_fractions(plain)
        values = _parsed(plain, kind)
    if values is not None:
        return values
    # Spaces, signs and underscores: to TFX, a number is what Python parses as one. Most columns of text end this early.
    return pa.array([_number(cell, kind, index, integer) for index, cell in enumerate(_each(plain))], _ARROW[kind])


def type_of(
    cells: pa.Array, options: CsvOptions, *, integer: bool = False, padded: bool = False, known: str = "UNKNOWN"
) -> tuple[str, int | None]:
    """The narrowest type of all cells, by TFX's rules, and the index of the cell that no narrower type holds.

    Args:
        cells: text; null for an empty cell.
        options: how numbers are written.
        integer: as in `converted`.
        padded: whether codes of one length that begin with zeros, such as 01067, are text: as integers, they would lose
            them.
        known: the type of earlier cells: narrower ones are not tried.
    """
    if cells.null_count == len(cells):
        return "UNKNOWN", None
    if padded and (code := _padded_code(cells)) is not None:
        return "BYTES", code
    witness = None
    for kind in ("FLOAT",) if known == "FLOAT" else ("INT", "FLOAT"):
        try:
            if kind == "FLOAT" and (long := _long_integer(cells)) is not None:
                return "BYTES", long
            converted(cells, kind, options, integer=integer)
        except NotOfType as error:
            witness = error.index
            continue
        return kind, witness
    return "BYTES", witness


def marks_missing(text: str) -> bool:
    """Whether programs write this text where a value is missing."""
    return text.strip().lower() in _MARKS


def way_out(cells: pa.Array) -> CsvOptions | None:
    """The options under which text cells would all be numbers, or dates, if there are some."""
    marks = tuple(text for text in sorted(set(cells.drop_null().to_pylist())) if marks_missing(text))
    rest = cells.filter(pc.invert(pc.is_in(cells, pa.array(marks, cells.type))))
    if rest.null_count == len(rest):
        return None
    separators = CsvOptions() if marks and _readable(rest) else _separators(rest)
    return separators.model_copy(update={"missing": marks}) if separators else None


def _readable(cells: pa.Array) -> bool:
    """Whether text cells are all dates, or numbers."""
    dates = pc.index(pc.match_substring_regex(cells, READABLE), False).as_py() < 0
    return dates or type_of(cells, CsvOptions())[0] != "BYTES"


def _separators(cells: pa.Array) -> CsvOptions | None:
    """The options under which text cells would all be numbers, if there are some."""
    group = re.compile(r"\s*[+-]?\d{1,3}([,.'\u00a0\u202f ])\d{3}(\1\d{3})*(?P<fraction>[,.]\d+)?\s*")
    texts = [cell for cell in cells.to_pylist() if cell is not None]
    found = next((match for match in map(group.fullmatch, texts) if match), None)
    options = [CsvOptions(decimal=",")]
    if found:
        rest = found["fraction"]
        options.insert(
            0, CsvOptions(thousands=found[1], decimal="," if found[1] == "." or (rest or "")[:1] == "," else ".")
        )
    for option in options:
        if type_of(cells, option)[0] in ("INT", "FLOAT"):
            return option
    return None


def _plain(cells: pa.Array, options: CsvOptions) -> pa.Array:
    """Numbers as Python writes them: without groups of digits, and with a point."""
    if options.thousands is None and options.decimal == ".":
        return cells
    digits = rf"(?:\d{{1,3}}(?:{re.escape(options.thousands)}\d{{3}})+|\d+)" if options.thousands else r"\d+"
    fraction = rf"(?:{re.escape(options.decimal)}\d*)?"
    number = rf"(?i)^\s*[+-]?(?:{digits}?{fraction}(?:e[+-]?\d+)?|nan|inf|infinity)\s*$"
    if (other := pc.index(pc.match_substring_regex(cells, number), False).as_py()) >= 0:
        raise NotOfType(other, cells[other].as_py())
    if options.thousands:
        cells = pc.replace_substring(cells, options.thousands, "")
    return pc.replace_substring(cells, options.decimal, ".")


def _parsed(cells: pa.Array, kind: str) -> pa.Array | None:
    """What Arrow makes of the cells; None if it takes one for no number."""
    # Arrow parses hexadecimal integers, which are strings to TFX.
    if kind == "INT" and _any_hexadecimal(cells):
        return None
    try:
        return cells.cast(_ARROW[kind])
    except pa.ArrowInvalid:
        return None


def _without_fractions(cells: pa.Array) -> pa.Array:
    cells = pc.replace_substring_regex(cells, r"^(\s*[+-]?[0-9]+)\.0*(\s*)$", r"\1\2")
    return pc.if_else(pc.match_substring_regex(cells, _NAN), pa.scalar(None, cells.type), cells)


def _number(cell: str | None, kind: str, index: int, integer: bool) -> int | float | None:
    if cell is None:
        return None
    if not cell.isascii():
        # Digits of other scripts are numbers to Python but strings to TFX.
        raise NotOfType(index, cell)
    try:
        number = float(cell) if kind == "FLOAT" else _whole(cell) if integer else int(cell)
    except ValueError:
        raise NotOfType(index, cell) from None
    if kind == "INT" and number not in _INT64:
        raise NotOfType(index, cell)
    return number


def _whole(cell: str) -> int:
    """An integer, whose exponent pandas may have written, without rounding."""
    try:
        number = decimal.Decimal(cell)
        if abs(number) < 2**64 and number == number.to_integral_value():
            return int(number)
    except decimal.InvalidOperation:
        pass
    raise ValueError(cell)


def _each(cells: pa.Array) -> Iterator[str | None]:
    """The cells, of which only some are made Python's at a time."""
    for start in range(0, len(cells), _SOME):
        yield from cells.slice(start, _SOME).to_pylist()


def _any_hexadecimal(cells: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring(cells, "x", ignore_case=True)).as_py())


def _padded_code(cells: pa.Array) -> int | None:
    """The index of the first code that begins with a zero, if all cells are of one length; None if there is none."""
    if len(pc.binary_length(cells).unique().drop_null()) > 1:
        return None
    found = pc.index(pc.match_substring_regex(cells, _PADDED), True).as_py()
    return found if found >= 0 else None


def _long_integer(cells: pa.Array) -> int | None:
    """The index of an integer of more than 64 bits, which is a string to TFX."""
    long = pc.match_substring_regex(cells, r"^\s*[+-]?[0-9_]{19,}\s*$")
    places = pc.indices_nonzero(pc.fill_null(long, False)).to_pylist()
    return next((place for place in places if _is_no_int64(cells[place].as_py())), None)


def _is_no_int64(cell: str) -> bool:
    try:
        return int(cell) not in _INT64
    except ValueError:
        # Only underscores, or more digits than Python converts.
        return True
