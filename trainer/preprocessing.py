"""The one preprocessing_fn: raw features to what the model sees, in training and in serving alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from trainer import features as names
from trainer.parameters import CUSTOM_CONFIG_KEY, Label, Parameters

Raw = tf.Tensor | tf.SparseTensor


def preprocessing_fn(inputs: Mapping[str, Raw], custom_config: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Turn raw features into model inputs and the label; the Transform component calls it once, to trace a graph.

    Args:
        inputs: raw features, dense ``[batch, 1]`` or sparse ``[batch, ?]`` where values may be missing.
        custom_config: carries `Parameters` as JSON under ``CUSTOM_CONFIG_KEY``.

    Returns:
        Dense tensors of shape ``[batch, 1]``: float32 for numeric features and the label, int64 ids otherwise.
    """
    parameters = Parameters.model_validate_json(custom_config[CUSTOM_CONFIG_KEY])
    features = names.resolve_features(parameters, inputs)
    outputs = {names.LABEL_KEY: binary_label(parameters.label, inputs)}
    for name in features.numeric:
        values = _cast(inputs[name], tf.float32)
        outputs[names.scaled(name)] = _dense(tft.scale_to_z_score(values), default=0.0)
    for name, buckets in features.bucketized.items():
        ids = tft.bucketize(_cast(inputs[name], tf.float32), buckets, name=name)
        outputs[names.bucket(name)] = _dense_ids(ids)
    for name, vocabulary in features.vocabulary.items():
        ids = tft.compute_and_apply_vocabulary(
            inputs[name], top_k=vocabulary.top_k, num_oov_buckets=vocabulary.oov_buckets, vocab_filename=name
        )
        outputs[names.token(name)] = _dense_ids(ids)
    for name, count in features.identity.items():
        ids = _map_values(inputs[name], lambda values, count=count: tf.clip_by_value(values, 0, count - 1))
        outputs[names.identity(name)] = _dense_ids(ids)
    return outputs


def binary_label(label: Label, inputs: Mapping[str, Raw]) -> tf.Tensor:
    """The label as float32 0 or 1, shape ``[batch, 1]``; a missing value counts as 0."""
    left = _dense(_cast(inputs[label.column], tf.float32), default=0.0)
    if label.above is None:
        return tf.cast(left > 0.5, tf.float32)
    right = _dense(_cast(inputs[label.above.column], tf.float32), default=0.0)
    return tf.cast(left > label.above.times * right, tf.float32)


def _map_values(tensor: Raw, function: Any) -> Raw:
    if isinstance(tensor, tf.SparseTensor):
        return tf.SparseTensor(tensor.indices, function(tensor.values), tensor.dense_shape)
    return function(tensor)


def _cast(tensor: Raw, dtype: tf.DType) -> Raw:
    return _map_values(tensor, lambda values: tf.cast(values, dtype))


def _dense(tensor: Raw, *, default: float | int) -> tf.Tensor:
    """A ``[batch, 1]`` tensor; a row without a value gets ``default``. The schema admits one value a row at most."""
    if isinstance(tensor, tf.SparseTensor):
        column = tf.SparseTensor(tensor.indices, tensor.values, [tensor.dense_shape[0], 1])
        return tf.ensure_shape(tf.sparse.to_dense(column, default_value=default), [None, 1])
    return tf.reshape(tensor, [-1, 1])


def _dense_ids(ids: Raw) -> tf.Tensor:
    """Int64 ids shifted by one, so that `features.MISSING_ID` is free for missing values."""
    shifted = _map_values(ids, lambda values: tf.cast(values, tf.int64) + 1)
    return _dense(shifted, default=names.MISSING_ID)
