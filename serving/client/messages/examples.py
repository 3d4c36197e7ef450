"""The features of a model, and rows as serialized tf.Examples for signatures that take them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from serving.client.messages import tensors
from serving.client.messages.columns import Row, column, convert, is_missing, wrong
from serving.client.messages.protos import message, parse_text


@dataclass(frozen=True)
class RowFeature:
    """One named value of a row.

    Attributes:
        dtype: float32, int64 or object (bytes); a signature's input may have any other.
        shape: shape of one row's value: empty for a single value, None for any number of values.
    """

    dtype: np.dtype
    shape: tuple[int, ...] | None


Features = Mapping[str, RowFeature]
# The kinds of tf.Example's values by numpy kind: field, list message, dtype.
_LISTS = {"f": "float_list", "i": "int64_list", "O": "bytes_list"}
_DTYPES = {"FLOAT": np.dtype(np.float32), "INT": np.dtype(np.int64), "BYTES": np.dtype(object)}


def features_of_schema(path: Path | str) -> Features:
    """The features of a ``schema.pbtxt`` (tensorflow_metadata); one without a shape takes any number of values.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not a schema, or a tf.Example cannot hold a feature's type.
    """
    try:
        schema = parse_text(Path(path).read_text(), "tensorflow.metadata.v0.Schema")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    features = {feature.name: _feature(feature, path) for feature in schema.feature}
    if not features:
        raise ValueError(f"{path}: the schema has no features")
    return features


def _feature(feature: Any, path: Path | str) -> RowFeature:
    kind = feature.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[feature.type].name
    if kind not in _DTYPES:
        raise ValueError(f"{path}: feature {feature.name}: type {kind} is not INT, FLOAT or BYTES")
    if not feature.HasField("shape"):
        return RowFeature(_DTYPES[kind], () if feature.value_count.max == 1 else None)
    sizes = tuple(dim.size for dim in feature.shape.dim)
    return RowFeature(_DTYPES[kind], () if math.prod(sizes) == 1 else sizes)


def features_of_signature(signature: Any) -> Features:
    """The features of a signature (a SignatureDef) that takes one column each; the first dimension is the batch.

    Raises:
        ValueError: an input takes lists of any length.
    """
    features = {}
    for name, info in signature.inputs.items():
        shape = tuple(dim.size for dim in info.tensor_shape.dim[1:])
        if any(size < 0 for size in shape):
            raise ValueError(f"input {name} takes lists of any length, not rows: use predict_arrays")
        features[name] = RowFeature(tensors.numpy_dtype(info.dtype), shape)
    return features


def columns(rows: Sequence[Row], features: Features) -> dict[str, np.ndarray]:
    """One array per feature, ``[rows, ...]``; see `column`."""
    return {name: column(rows, name, feature.dtype, shape=feature.shape or ()) for name, feature in features.items()}


def serialize(rows: Sequence[Row], features: Features) -> list[bytes]:
    """Rows as tf.Examples; a missing value is an absent feature, as in the training data.

    Raises:
        ValueError: a value has the wrong type or size; the text names row and key.
    """
    return [_serialize(index, row, features) for index, row in enumerate(rows)]


def _serialize(index: int, row: Row, features: Features) -> bytes:
    example = message("tensorflow.Example")()
    for name, feature in features.items():
        value = row.get(name)
        if is_missing(value):
            continue
        try:
            values = _values(value, feature)
        except (TypeError, ValueError, OverflowError):
            count = math.prod(feature.shape) if feature.shape else None
            raise ValueError(wrong(index, name, value, feature.dtype, count)) from None
        getattr(example.features.feature[name], _LISTS[feature.dtype.kind]).value.extend(values)
    return example.SerializeToString()


def _values(value: object, feature: RowFeature) -> list[object]:
    if feature.shape == ():
        single = value[0] if isinstance(value, (list, tuple)) and len(value) == 1 else value
        return [convert(single, feature.dtype)]
    flat = np.array(value, dtype=object).reshape(-1 if feature.shape is None else feature.shape).flat
    return [convert(item, feature.dtype) for item in flat]
