"""JSON for models whose metadata say what their raw columns hold: what stands in a file, not tensors.

Lists may have any length, booleans are whole numbers, and a missing value is null, NaN, an empty text or left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serving.client.messages import examples
from serving.client.messages.columns import array, check_present
from serving.client.messages.examples import Features, RowFeature
from serving.client.messages.values import wrong
from serving.rest.values import JsonError, decode_base64, is_base64, is_object, string_bytes


def from_instances(instances: Sequence[Any], features: Features) -> dict[str, np.ndarray]:
    """The columns of a request in row format: objects, or plain values if there is one column.

    Raises:
        JsonError: a value does not fit its column, or there is no such column; the text names row, column and value.
    """
    if len(features) == 1 and not is_object(instances[0]):
        (only,) = features
        return {only: _array(instances, only, features[only])}
    for index, row in enumerate(instances):
        if not is_object(row):
            raise JsonError(f"row {index}: expecting an object with a value by column")
        _check_names(row, features, where=f"row {index}")
    return {name: _array([row.get(name) for row in instances], name, each) for name, each in features.items()}


def from_inputs(inputs: Any, features: Features) -> dict[str, np.ndarray]:
    """The columns of a request in columnar format: an object with a list by column, or one list if there is one column.

    Raises:
        JsonError: as `from_instances`, or the lists have different lengths.
    """
    if len(features) == 1 and not is_object(inputs):
        inputs = dict.fromkeys(features, inputs)
    if not is_object(inputs):
        raise JsonError("inputs: expecting an object with a list of values by column")
    _check_names(inputs, features, where="inputs")
    for name, values in inputs.items():
        if not isinstance(values, list):
            raise JsonError(f"inputs, {name}: expecting a list with one value for each row")
    rows = {len(values): name for name, values in inputs.items()}
    if len(rows) != 1:
        lengths = " and ".join(f"{name} has {count} rows" for count, name in sorted(rows.items())[:2])
        raise JsonError(f"inputs: {lengths or 'no column is given'}; all columns need the same number of rows")
    ((count, _),) = rows.items()
    return {name: _array(inputs.get(name) or [None] * count, name, each) for name, each in features.items()}


def fill(example: Any, values: Mapping[str, Any], features: Features, *, where: str) -> dict[str, Any]:
    """Write a JSON object into a tf.Example.

    Args:
        example: the tf.Example.
        values: by column.
        features: the model's columns.
        where: the row, for messages.

    Returns:
        The values of names that are no columns of the model, such as the label's, unless they are null.

    Raises:
        JsonError: as `from_instances`.
    """
    for name, feature in features.items():
        if name in values:
            value = _plain(values[name], name, feature, where)
            try:
                examples.fill(example, name, value, feature, where=where)
            except ValueError as error:
                raise JsonError(str(error)) from None
    return {name: value for name, value in values.items() if name not in features and value is not None}


def _array(values: Sequence[Any], name: str, feature: RowFeature) -> np.ndarray:
    plain = [_plain(value, name, feature, f"row {row}") for row, value in enumerate(values)]
    try:
        if feature.holds.required:
            check_present(plain, name)
        return array(plain, name, feature.dtype, shape=feature.shape, holds=feature.holds)
    except ValueError as error:
        raise JsonError(str(error)) from None


def _plain(value: Any, name: str, feature: RowFeature, where: str) -> Any:
    """The value of a row, with texts as bytes. Unlike the client, a number is no text here: JSON knows the two."""
    try:
        return _leaves(value, feature.dtype.kind)
    except (TypeError, JsonError):
        raise JsonError(wrong(where, name, value, feature.dtype, feature.shape, feature.holds)) from None


def _leaves(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        return [_leaves(item, kind) for item in value]
    if kind == "O":
        if isinstance(value, str):
            return string_bytes(value)
        if is_base64(value):
            return decode_base64(value)
        raise TypeError
    if not isinstance(value, int | float) or (kind == "f" and isinstance(value, bool)):
        raise TypeError
    return value


def _check_names(given: Mapping[str, Any], features: Features, *, where: str) -> None:
    for name in given:
        if name not in features:
            raise JsonError(f"{where}: the model has no column {name!r}; it has {', '.join(sorted(features))}")
