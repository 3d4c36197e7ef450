"""Columns as databases answer them, as columns of plain Arrow types that an Arrow file of a user could hold."""

from __future__ import annotations

import uuid

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.refusal import GateRefused

_PLAIN = (
    pa.types.is_null,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
    pa.types.is_date,
    pa.types.is_timestamp,
)
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
# The years 1 to 9999 in days since 1970; PostgreSQL's infinity is beyond.
_DAYS = (-719_162, 2_932_896)

_PER_DAY = {"s": 86_400, "ms": 86_400 * 10**3, "us": 86_400 * 10**6, "ns": 86_400 * 10**9}
_UUID = "arrow.uuid"


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Names and types of the columns that `plain` makes.

    Raises:
        GateRefused: there are no columns, a name stands twice, or a type has no plain form.
    """
    names = schema.names
    if not names:
        raise GateRefused("data.query: answers no columns; it must be a SELECT.")
    if repeated := {name for name in names if names.count(name) > 1}:
        raise GateRefused(f"data.query: two columns are called {sorted(repeated)[0]!r}; name them apart with AS.")
    return pa.schema([(field.name, _plain_type(field)) for field in schema])


def plain(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The rows with plain types: numerics as float64; UUIDs, JSON and enumerations as text.

    Args:
        batch: rows as the driver gives them.
        schema: `plain_schema` of them.

    Raises:
        GateRefused: a value has no plain form; names the column.
    """
    columns = [_plain(column, field) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _plain_type(field: pa.Field) -> pa.DataType:
    kind = field.type
    if any(is_list(kind) for is_list in _LISTS):
        return pa.list_(_plain_type(kind.value_field.with_name(field.name)))
    if isinstance(kind, pa.BaseExtensionType):
        return _extension_type(field, kind)
    # Cents, but no driver says so.
    if any(matches(kind) for matches in _PLAIN) and (field.metadata or {}).get(b"POSTGRESQL:type") != b"money":
        return kind
    raise _unsupported(field)


def _extension_type(field: pa.Field, kind: pa.BaseExtensionType) -> pa.DataType:
    if kind.extension_name in (_UUID, "arrow.json"):
        return pa.string()
    # A type that Arrow does not know.
    name = getattr(kind, "type_name", "")
    if name == "numeric":
        return pa.float64()
    # A type of the user's own, as which an enumeration comes.
    if name.startswith("unnamed<"):
        return pa.string()
    raise _unsupported(field)


def _plain(column: pa.Array, wanted: pa.Field) -> pa.Array:
    if any(is_list(column.type) for is_list in _LISTS):
        values = _plain(column.flatten(), wanted.with_type(wanted.type.value_type))
        lengths = pc.fill_null(pc.list_value_length(column), 0)
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths.to_numpy(zero_copy_only=False))]), pa.int32())
        return pa.ListArray.from_arrays(offsets, values, mask=column.is_null())
    if isinstance(column, pa.ExtensionArray):
        is_uuid = column.type.extension_name == _UUID
        column = _uuid_texts(column.storage) if is_uuid else column.storage
    _check_dates(column, wanted.name)
    try:
        return column.cast(wanted.type)
    except pa.ArrowInvalid:
        raise _unsupported(wanted) from None


def _uuid_texts(column: pa.Array) -> pa.Array:
    return pa.array([value and str(uuid.UUID(bytes=value)) for value in column.to_pylist()], pa.string())


def _check_dates(column: pa.Array, name: str) -> None:
    if pa.types.is_timestamp(column.type):
        days = column.drop_null().cast(pa.int64()).to_numpy() // _PER_DAY[column.type.unit]
    elif pa.types.is_date(column.type):
        days = column.drop_null().cast(pa.date32()).cast(pa.int32()).to_numpy()
    else:
        return
    if len(days) and not _DAYS[0] <= days.min() <= days.max() <= _DAYS[1]:
        raise GateRefused(
            f"data.query: column {name!r} has a date outside the years 1 to 9999, such as infinity; make it NULL "
            "in the query, or leave the rows out."
        )


def _unsupported(field: pa.Field) -> GateRefused:
    kind = (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode() or str(field.type)
    return GateRefused(
        f"data.query: column {field.name!r} has values of the type {kind}, which no example can hold; cast it to text "
        "or to a number in the query."
    )
