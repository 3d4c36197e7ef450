"""Values of Arrow columns, as a tf.Example is to hold them: no NaN, no infinity, codes as integers, dates as text."""

from __future__ import annotations

import decimal
from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.example_gen.readers.schemas import is_list
from components.messages import shown

_STRINGS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
# The smallest number that becomes infinite as a float32.
_OVERFLOW = np.float64(2.0**128 - 2.0**103)


class BadValue(Exception):
    """A value that a model cannot use.

    Attributes:
        column: the column's name.
        index: the row's index in its batch.
        reason: the value and what is wrong with it, to follow the column's name.
    """

    def __init__(self, column: str, index: int, reason: str):
        super().__init__(column, index, reason)
        self.column, self.index, self.reason = column, index, reason


def cleaned(batch: pa.RecordBatch, integers: Collection[str], *, weight: str | None = None) -> pa.RecordBatch:
    """A batch in which NaN is null, numbers are finite as float32, codes are int64, and dates are ISO text.

    Args:
        batch: rows with any types that `schemas.feature_type` takes.
        integers: columns whose numbers are codes: floats that are whole become int64, exactly.
        weight: the column of the example weight, which is never NaN.

    Raises:
        BadValue: a number is infinite or beyond float32, a code is not whole, a list has a missing value, a text is no
            text, or a date is in no year of four digits.
    """
    names = batch.schema.names
    columns = []
    for index, name in enumerate(names):
        column = batch.column(index)
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if name == weight:
            check_weight(name, column)
        columns.append(
            _cleaned_list(name, column) if is_list(column.type) else _cleaned(name, column, name in integers)
        )
    return pa.RecordBatch.from_arrays(columns, names)


def _cleaned(name: str, column: pa.Array, is_code: bool) -> pa.Array:
    kind = column.type
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _of_four_digits(name, column, iso_text(column))
    if pa.types.is_uint64(kind):
        _check_signed(name, column)
    if any(is_string(kind) for is_string in _STRINGS):
        _check_text(name, column)
    if is_code and (pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return _integers(name, column)
    if pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    return finite(name, column) if pa.types.is_floating(column.type) else column


def _cleaned_list(name: str, column: pa.Array) -> pa.Array:
    """A list's values cleaned; a missing value would move the others to another place, so there must be none."""
    values = column.flatten()
    try:
        clean = _cleaned(name, values, is_code=False)
        if clean.null_count:
            hole = int(np.argmin(clean.is_valid().to_numpy(zero_copy_only=False)))
            raise BadValue(name, hole, "has a missing value inside a list; drop the value or the whole list")
    except BadValue as error:
        row = pc.list_parent_indices(column)[error.index].as_py()
        raise BadValue(name, row, error.reason) from None
    if clean is values:
        return column
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]))
    return pa.LargeListArray.from_arrays(offsets, clean, mask=column.is_null())


def finite(name: str, column: pa.Array, *, written: pa.Array | None = None) -> pa.Array:
    """Numbers with NaN as null.

    Args:
        name: the column's name.
        column: floats of any width.
        written: the numbers as they stand in the file, for the message.

    Raises:
        BadValue: a number is infinite, or would be as a float32.
    """
    if pa.types.is_float16(column.type):
        column = column.cast(pa.float32())
    numbers = column.to_numpy(zero_copy_only=False)
    # Comparisons with NaN, which a null is here, too, are false.
    if (np.abs(numbers) < _OVERFLOW).all():
        return column
    if (beyond := np.abs(numbers) >= _OVERFLOW).any():
        index = int(np.argmax(beyond))
        value = (written or column)[index].as_py()
        raise BadValue(
            name, index, f"is {shown(value)}, which is infinite as a float32; correct it, or leave it empty if unknown"
        )
    return pa.array(numbers, column.type, from_pandas=True)


def check_weight(name: str, column: pa.Array) -> None:
    """Refuse NaN where it would count as a missing weight, which means 1.

    Raises:
        BadValue: a weight is NaN.
    """
    if pa.types.is_floating(column.type):
        index = pc.index(pc.is_nan(column.cast(pa.float64())), True).as_py()
        if index >= 0:
            raise BadValue(name, index, "is NaN, which no example weight can be; write a number, or nothing to mean 1")


def not_whole(column: str, index: int, value: str) -> BadValue:
    """The refusal of a code with a fraction, or of more than 64 bits."""
    reason = (
        f"is {shown(value)}, which is no integer of 64 bits, but it is used as one (a category, or INT in the schema); "
        "choose another kind"
    )
    return BadValue(column, index, reason)


def _integers(name: str, column: pa.Array) -> pa.Array:
    if pa.types.is_decimal(column.type):
        whole = pc.and_(pc.equal(column, pc.round(column)), pc.less(pc.abs(column), decimal.Decimal(2**63)))
    else:
        column = finite(name, column.cast(pa.float64()))
        numbers = column.to_numpy(zero_copy_only=False)
        whole = pa.array((numbers == np.trunc(numbers)) & (np.abs(numbers) < 2.0**63), mask=np.isnan(numbers))
    bad = pc.index(whole, False).as_py()
    if bad >= 0:
        raise not_whole(name, bad, str(column[bad].as_py()))
    return column.cast(pa.int64())


def _check_signed(name: str, column: pa.Array) -> None:
    index = pc.index(pc.less(column, pa.scalar(2**63, pa.uint64())), False).as_py()
    if index >= 0:
        reason = f"is {column[index].as_py()}, beyond the integers of 64 bits with a sign; store it as float or as text"
        raise BadValue(name, index, reason)


def _check_text(name: str, column: pa.Array) -> None:
    """Refuse bytes that a column of text holds, though they are none: nothing that reads it could show them."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        values = column.cast(pa.large_binary()).to_pylist()
        index = next(place for place, value in enumerate(values) if not is_utf8(value))
        reason = f"is {shown(values[index])}, which is no UTF-8 text; correct it, or give the column the type binary"
        raise BadValue(name, index, reason) from None


def is_utf8(value: bytes | None) -> bool:
    """Whether bytes are text; what is missing does not hurt."""
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _of_four_digits(name: str, column: pa.Array, text: pa.Array) -> pa.Array:
    """ISO text of the years 0 to 9999, which all that reads dates can read."""
    index = pc.index(pc.match_substring_regex(text, r"^\d{4}-"), False).as_py()
    if index < 0:
        return text
    number = column[index].cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64()).as_py()
    unit = "days" if pa.types.is_date32(column.type) else getattr(column.type, "unit", "ms")
    reason = f"is {number} ({unit} since 1970), which is in no year from 0 to 9999; correct it, or leave it empty"
    raise BadValue(name, index, reason)


def iso_text(column: pa.Array) -> pa.Array:
    """Dates and timestamps as ISO 8601 text, ``2024-01-31`` or ``2024-01-31T12:00:00``.

    A fraction of a second is kept where there is one. Timestamps with a time zone are in UTC and end in ``Z``.
    """
    if pa.types.is_date(column.type):
        return column.cast(pa.date32()).cast(pa.string())
    zone = "Z" if column.type.tz else ""
    text = pc.strftime(column.cast(pa.timestamp(column.type.unit)), format="%Y-%m-%dT%H:%M:%S")
    return pc.replace_substring_regex(text, r"(\.0+)?$", zone)
