"""Single columns with one value per row, as tf.Examples store them, from tables and from tf.Examples alike."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tensorflow.core.example import example_pb2, feature_pb2

from components.example_gen.encoding import as_lists
from components.refusal import GateRefused

# By name: int64, float32 or large_binary, or of null type if no row has a value; a missing value and NaN are null.
Columns = Mapping[str, pa.Array]

_TYPES = {"int64_list": pa.int64(), "float_list": pa.float32(), "bytes_list": pa.large_binary()}


def of_batch(batch: pa.RecordBatch, names: Iterable[str]) -> Columns:
    """The columns of a table's rows.

    Raises:
        GateRefused: there is no such column, or a row has several values in it.
    """
    return {name: _values(name, as_lists(name, _column(batch, name))) for name in names}


def of_examples(examples: Sequence[bytes], names: Sequence[str]) -> Columns:
    """The columns of serialized tf.Examples; a feature that an example lacks is a missing value.

    Raises:
        GateRefused: a feature has several values in an example, or values of several types.
    """
    if not names:
        return {}
    features = [example_pb2.Example.FromString(example).features.feature for example in examples]
    return {name: _values(name, _feature(name, features)) for name in names}


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    if name not in batch.schema.names:
        near = difflib.get_close_matches(name, batch.schema.names, n=1)
        raise GateRefused(f"there is no column {name!r}" + (f"; did you mean {near[0]!r}?" if near else "."))
    return batch.column(name)


def _feature(name: str, rows: Sequence[Mapping[str, feature_pb2.Feature]]) -> pa.Array:
    # A Protobuf map has no get.
    found = [row[name] if name in row else feature_pb2.Feature() for row in rows]  # noqa: SIM401
    kinds = {kind for feature in found if (kind := feature.WhichOneof("kind"))}
    if len(kinds) > 1:
        raise GateRefused(f"feature {name!r} has the types {' and '.join(sorted(kinds))}; write one type everywhere.")
    if not kinds:
        return pa.nulls(len(rows), pa.large_list(pa.null()))
    [kind] = kinds
    return pa.array([list(getattr(feature, kind).value) for feature in found], pa.large_list(_TYPES[kind]))


def _values(name: str, lists: pa.Array) -> pa.Array:
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    if len(lengths) and lengths.max() > 1:
        raise GateRefused(
            f"column {name!r} has {lengths.max()} values in one row; "
            "data.where, data.splits and the label need a column with one."
        )
    values = lists.flatten()
    if not len(values):
        # Of one type or none: no format says more.
        return pa.nulls(len(lists))
    column = values.take(pa.array(np.cumsum(lengths) - 1, mask=lengths == 0))
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_nan(column), None, column)
    return column
