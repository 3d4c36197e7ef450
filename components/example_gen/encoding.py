"""Rows of a table to serialized tf.Examples, zeros included.

TFX's Parquet executor uses ``dict_to_example``, which takes every falsy value for a missing one: a fare of 0.0, a count
of 0 and an empty string all disappear.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tensorflow.core.example import example_pb2
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from components.refusal import GateRefused

_TEXTS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_string_view,
    pa.types.is_binary_view,
)
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


class UnsupportedColumn(GateRefused):
    """A column of a type that a tf.Example cannot hold."""


def to_examples(batch: pa.RecordBatch) -> list[bytes]:
    """Serialized tf.Examples of a batch's rows, in order.

    Integers and booleans become int64, floating-point numbers float32, strings and binaries bytes; a list becomes a
    feature with many values, a null a feature without a value.

    The encoder orders the features of an example differently in each process, and the hash of these bytes decides the
    split: without a fixed order, rows would move between train and eval from run to run.

    Raises:
        UnsupportedColumn: names the column and its type.
    """
    names = batch.schema.names
    if repeated := {name for name in names if names.count(name) > 1}:
        raise UnsupportedColumn(f"column {sorted(repeated)[0]!r} occurs twice; rename one of them")
    columns = [as_lists(name, batch.column(index)) for index, name in enumerate(names)]
    parse = example_pb2.Example.FromString
    return [
        parse(encoded).SerializeToString(deterministic=True)
        for encoded in RecordBatchToExamplesEncoder().encode(pa.RecordBatch.from_arrays(columns, names))
    ]


def feature_type(name: str, kind: pa.DataType) -> pa.DataType | None:
    """The type that a column's values become: int64, float or large_binary; None for a column of nulls only.

    Raises:
        UnsupportedColumn: names the column and its type.
    """
    if pa.types.is_dictionary(kind):
        return feature_type(name, kind.value_type)
    if any(is_list(kind) for is_list in _LISTS) and not any(is_list(kind.value_type) for is_list in _LISTS):
        return feature_type(name, kind.value_type)
    if pa.types.is_null(kind):
        return None
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return pa.int64()
    if pa.types.is_floating(kind):
        return pa.float32()
    if any(is_text(kind) for is_text in _TEXTS):
        return pa.large_binary()
    raise UnsupportedColumn(
        f"column {name!r} has the type {kind}, but a tf.Example holds only numbers, strings and lists of them; "
        "cast it to one of these"
    )


def as_lists(name: str, column: pa.Array) -> pa.Array:
    """A column as its features in tf.Examples: lists of int64, float32 or bytes, empty for a null.

    Raises:
        UnsupportedColumn: names the column and its type.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string_view(column.type) or pa.types.is_binary_view(column.type):
        # Nulls cannot be dropped from a view.
        column = column.cast(pa.large_binary())
    wanted = feature_type(name, column.type)
    if wanted is None and pa.types.is_null(column.type):
        # The type of an absent feature is irrelevant.
        return pa.nulls(len(column), pa.large_list(pa.float32()))
    if isinstance(column, (pa.ListArray, pa.LargeListArray, pa.FixedSizeListArray)):
        lengths = pc.fill_null(pc.list_value_length(column), 0)
        values = column.flatten()
        if values.null_count:
            raise UnsupportedColumn(f"column {name!r} has a null inside a list; drop the value or the whole list")
    else:
        lengths = column.is_valid().cast(pa.int64())
        values = column.drop_null()
    offsets = np.concatenate([[0], np.cumsum(lengths.to_numpy(zero_copy_only=False), dtype=np.int64)])
    try:
        return pa.LargeListArray.from_arrays(pa.array(offsets), values.cast(wanted or pa.float32()))
    except pa.ArrowInvalid as error:
        raise UnsupportedColumn(f"column {name!r} has a value that a tf.Example cannot hold: {error}") from None
