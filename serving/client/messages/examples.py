"""The features of a model, and rows as serialized tf.Examples for signatures that take them."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from serving.client.messages import dtypes, holds
from serving.client.messages.columns import Row, column
from serving.client.messages.protos import message, parse_text
from serving.client.messages.values import values_of, wrong


@dataclass(frozen=True)
class RowFeature:
    """One named value of a row.

    Attributes:
        dtype: float32, int64 or object (bytes); a signature's input may have any other.
        shape: shape of one row's value: empty for a single value, None for any number of values.
        kinds: what the column holds in the file, see `holds`, from the exporter; empty if that is not known.
    """

    dtype: np.dtype
    shape: tuple[int, ...] | None
    kinds: str = ""

    @functools.cached_property
    def holds(self) -> holds.Holds:
        """What `kinds` says."""
        return holds.parse(self.kinds)


Features = Mapping[str, RowFeature]
# The names of an input that takes serialized tf.Examples, by convention; the second is that of Classify and Regress.
SERIALIZED = ("examples", "inputs")
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


def takes_examples(signature: Any) -> bool:
    """Whether the only input of a signature (a SignatureDef) takes serialized tf.Examples, not a column of the data.

    The exporter says of each column what it holds, see `features_of_signature`; so one may be called ``inputs``, too.
    """
    if len(signature.inputs) != 1:
        return False
    ((name, info),) = signature.inputs.items()
    dims = info.tensor_shape.dim
    is_text = bool(dtypes.numpy_dtype(info.dtype).hasobject)
    return name in SERIALIZED and is_text and not (dims and dims[0].name)


def features_of_signature(signature: Any) -> Features:
    """The features of a signature (a SignatureDef) that takes one column each; the first dimension is the batch.

    Its name says what the column holds: TF Serving's metadata have no other place for it.

    Raises:
        ValueError: an input takes nested lists of any length.
    """
    features = {}
    for name, info in signature.inputs.items():
        dims = info.tensor_shape.dim
        shape = tuple(dim.size for dim in dims[1:])
        if len(shape) > 1 and min(shape) < 0:
            raise ValueError(f"input {name} takes nested lists of any length, not rows: use predict_arrays")
        kinds = dims[0].name if dims else ""
        features[name] = RowFeature(dtypes.numpy_dtype(info.dtype), None if shape == (-1,) else shape, kinds)
    return features


def columns(rows: Sequence[Row], features: Features, *, first: int = 0) -> dict[str, np.ndarray]:
    """One array per feature, ``[rows, ...]``; see `column`."""
    return {
        name: column(rows, name, feature.dtype, shape=feature.shape, holds=feature.holds, first=first)
        for name, feature in features.items()
    }


def serialize(rows: Sequence[Row], features: Features, *, first: int = 0) -> list[bytes]:
    """Rows as tf.Examples; a missing value is an absent feature, as in the training data.

    Args:
        rows: plain dicts.
        features: the features to write.
        first: int, number of the first row, for the messages.

    Raises:
        ValueError: a value has the wrong type or size; the text names row and column.
    """
    examples = []
    for index, row in enumerate(rows):
        example = message("tensorflow.Example")()
        for name, feature in features.items():
            fill(example, name, row.get(name), feature, where=f"row {first + index}")
        examples.append(example.SerializeToString())
    return examples


def fill(example: Any, name: str, value: object, feature: RowFeature, *, where: str) -> None:
    """Write a value into a tf.Example, unless it is missing.

    Args:
        example: the tf.Example.
        name: the feature's name.
        value: of the row.
        feature: its type and shape.
        where: the row, for the message.

    Raises:
        ValueError: the value has the wrong type or size.
    """
    try:
        values = values_of(value, feature.dtype, feature.shape, feature.holds)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(wrong(where, name, value, feature.dtype, feature.shape, feature.holds)) from None
    if values:
        getattr(example.features.feature[name], _LISTS[feature.dtype.kind]).value.extend(values)
