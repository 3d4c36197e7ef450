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

from components.example_gen.readers.schemas import UnsupportedColumn, feature_type, is_list


def to_examples(batch: pa.RecordBatch) -> list[bytes]:
    """Serialized tf.Examples of a batch's rows, in order.

    Args:
        batch: rows whose values are `values.cleaned`: integers and booleans become int64, floats float32, texts bytes;
            a list becomes a feature with many values; a null, or a list without a value, a feature without a kind,
            as TFX's CsvExampleGen writes it.

    The encoder orders the features of an example differently in each process, and the hash of these bytes decides the
    split: without a fixed order, rows would move between train and eval from run to run.

    Raises:
        UnsupportedColumn: names the column and its type.
    """
    names = batch.schema.names
    columns = [as_lists(name, batch.column(index)) for index, name in enumerate(names)]
    parse = example_pb2.Example.FromString
    return [
        parse(encoded).SerializeToString(deterministic=True)
        for encoded in RecordBatchToExamplesEncoder().encode(pa.RecordBatch.from_arrays(columns, names))
    ]


def as_lists(name: str, column: pa.Array) -> pa.Array:
    """A column as its features in tf.Examples: lists of int64, float32 or bytes, null where there is no value.

    Raises:
        UnsupportedColumn: names the column and its type.
    """
    if pa.types.is_string_view(column.type) or pa.types.is_binary_view(column.type):
        # Nulls cannot be dropped from a view.
        column = column.cast(pa.large_binary())
    wanted = feature_type(pa.field(name, column.type))
    if wanted is None and pa.types.is_null(column.type):
        # The type of an absent feature is irrelevant.
        return pa.nulls(len(column), pa.large_list(pa.float32()))
    if is_list(column.type):
        lengths = pc.fill_null(pc.list_value_length(column), 0)
        values = column.flatten()
    else:
        lengths = column.is_valid().cast(pa.int64())
        values = column.drop_null()
    counts = lengths.to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    try:
        typed = values.cast(wanted or pa.float32())
        return pa.LargeListArray.from_arrays(pa.array(offsets), typed, mask=pa.array(counts == 0))
    except pa.ArrowInvalid as error:
        raise UnsupportedColumn(f"column {name!r} has a value that a tf.Example cannot hold: {error}") from None
