"""CSV files with a header line, as record batches; each value becomes what TFX's CsvExampleGen makes of it.

``types`` maps a column to ``INT``, ``FLOAT`` or ``BYTES``, as in a schema, or to ``UNKNOWN`` if it has no value at all.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from components.refusal import GateRefused

_BLOCK = 2 * 2**20
TYPES = ("INT", "FLOAT", "BYTES")
_ORDER = ("UNKNOWN", *TYPES)
_ARROW = {"INT": pa.int64(), "FLOAT": pa.float64(), "BYTES": pa.string(), "UNKNOWN": pa.null()}
_INT64 = range(-(2**63), 2**63)

Open = Callable[[str], BinaryIO]


def header(path: str, open_file: Open) -> list[str]:
    """The names of the columns.

    Raises:
        GateRefused: there is no header line, or it is not text.
    """
    with open_file(path) as stream:
        line = stream.readline()
    if line.count(b'"') % 2:
        raise GateRefused(f"{path}: the first line must name the columns, but a quote in it is not closed.")
    try:
        names = next(csv.reader([line.decode()]), [])
    except (UnicodeDecodeError, csv.Error):
        names = []
    if not names or len(set(names)) < len(names):
        raise GateRefused(f"{path}: the first line must name each column once, as UTF-8 text.")
    return names


def inferred_types(paths: Sequence[str], open_file: Open, columns: Sequence[str]) -> dict[str, str]:
    """The types that all values of ``columns`` in all files fit, by TFX's rules: INT, else FLOAT, else BYTES."""
    types = dict.fromkeys(columns, "UNKNOWN")
    for path in paths:
        with open_file(path) as stream:
            for _, batch in _text_batches(path, stream):
                for name in columns:
                    if types[name] != "BYTES":
                        found = _type(batch.column(name))
                        types[name] = max(types[name], found, key=_ORDER.index)
    return types


def record_batches(path: str, stream: BinaryIO, types: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    """The rows; an empty cell is null.

    Raises:
        GateRefused: a line has too many or too few cells, or a cell does not fit its column's type.
    """
    for first_row, batch in _text_batches(path, stream):
        columns = []
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            values = pc.replace_with_mask(column, pc.equal(column, ""), pa.scalar(None, pa.string()))
            try:
                columns.append(_cast(values, types[name]))
            except _NotOfType as error:
                raise GateRefused(
                    f"{path}, row {first_row + error.index + 1} after the header: {name} is {error.text!r}, but the "
                    f"schema says {types[name]}; fix the row or the schema."
                ) from None
        yield pa.RecordBatch.from_arrays(columns, batch.schema.names)


class _NotOfType(Exception):
    def __init__(self, index: int, text: str):
        super().__init__(index, text)
        self.index, self.text = index, text


def _text_batches(path: str, stream: BinaryIO) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The cells as strings, with the number of rows before each batch."""
    bad_rows: list[arrow_csv.InvalidRow] = []

    def remember(row: arrow_csv.InvalidRow) -> str:
        bad_rows.append(row)
        return "error"

    names = next(csv.reader([stream.readline().decode()]))
    counting = _Counting(stream)
    rows = 0
    try:
        for batch in arrow_csv.open_csv(
            pa.PythonFile(counting, "r"),
            # Arrow reports row numbers only without threads.
            read_options=arrow_csv.ReadOptions(block_size=_BLOCK, use_threads=False, column_names=names),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=remember),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        ):
            yield rows, batch
            rows += batch.num_rows
    except pa.ArrowInvalid as error:
        if bad_rows:
            row = bad_rows[0]
            raise GateRefused(
                f"{path}, row {row.number} after the header has {row.actual_columns} cells, the header has "
                f"{row.expected_columns}: {row.text[:80]!r}; fix the row."
            ) from None
        if "Empty CSV" in str(error):
            return
        reason = " ".join(str(error).split())[:200]
        raise GateRefused(f"{path}, after row {rows}: not UTF-8 text or not CSV ({reason}).") from None
    if counting.quotes % 2:
        # Arrow has taken the rest of the file for one value.
        raise GateRefused(f"{path}: a quote is opened but never closed; fix the file.")


class _Counting(io.RawIOBase):
    """A stream that counts the quotes that are read from it."""

    def __init__(self, stream: BinaryIO):
        super().__init__()
        self._stream, self.quotes = stream, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.quotes += data.count(b'"')
        return data


def _cast(values: pa.Array, kind: str) -> pa.Array:
    if kind == "BYTES":
        return values
    if kind == "UNKNOWN":
        return pa.nulls(len(values))
    try:
        # Arrow parses hexadecimal integers, which are strings to TFX.
        if kind != "INT" or not _any_hexadecimal(values):
            return values.cast(_ARROW[kind])
    except pa.ArrowInvalid:
        pass
    # Spaces, signs and underscores: to TFX, a number is what Python parses as one.
    return pa.array([_number(cell, kind, index) for index, cell in enumerate(values.to_pylist())], _ARROW[kind])


def _number(cell: str | None, kind: str, index: int) -> int | float | None:
    if cell is None:
        return None
    if not cell.isascii():
        # Digits of other scripts are numbers to Python but strings to TFX.
        raise _NotOfType(index, cell)
    try:
        number = int(cell) if kind == "INT" else float(cell)
    except ValueError:
        raise _NotOfType(index, cell) from None
    if kind == "INT" and number not in _INT64:
        raise _NotOfType(index, cell)
    return number


def _any_hexadecimal(values: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring(values, "x", ignore_case=True)).as_py())


def _type(column: pa.Array) -> str:
    values = column.filter(pc.not_equal(column, ""))
    if not len(values):
        return "UNKNOWN"
    for kind in ("INT", "FLOAT"):
        try:
            if kind == "FLOAT" and _any_long_integer(values):
                return "BYTES"
            _cast(values, kind)
        except _NotOfType:
            continue
        return kind
    return "BYTES"


def _any_long_integer(values: pa.Array) -> bool:
    """Whether there is an integer of more than 64 bits, which is a string to TFX."""
    long = values.filter(pc.match_substring_regex(values, r"^\s*[+-]?[0-9_]{19,}\s*$"))
    return any(_is_no_int64(cell) for cell in long.to_pylist())


def _is_no_int64(cell: str) -> bool:
    try:
        return int(cell) not in _INT64
    except ValueError:
        # Only underscores, or more digits than Python converts.
        return True
