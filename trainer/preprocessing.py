"""The one preprocessing_fn: raw features to what the model sees, in training and in serving alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from trainer.features import images
from trainer.features import transformed as names
from trainer.parameters import CUSTOM_CONFIG_KEY, Label, Parameters

Raw = tf.Tensor | tf.SparseTensor


def preprocessing_fn(inputs: Mapping[str, Raw], custom_config: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Turn raw features into model inputs, label and example weight; Transform calls it once, to trace a graph.

    Args:
        inputs: raw features, dense ``[batch, 1]`` (a list of pixels ``[batch, n]``), or sparse ``[batch, ?]`` where
            values may be missing.
        custom_config: carries `Parameters` as JSON under ``CUSTOM_CONFIG_KEY``.

    Returns:
        Dense tensors of shape ``[batch, 1]``: float32 for numeric features, weights and labels, int64 for ids and
        classes; pictures are float32 ``[batch, height, width, channels]``.
    """
    parameters = Parameters.model_validate_json(custom_config[CUSTOM_CONFIG_KEY])
    features = names.resolve_features(parameters, inputs)
    outputs = {names.LABEL_KEY: label_of(parameters.label, inputs)}
    if parameters.example_weight is not None:
        weights = _cast(inputs[parameters.example_weight], tf.float32)
        outputs[names.EXAMPLE_WEIGHT_KEY] = _dense(weights, default=1.0)
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
    for name, picture in features.image.items():
        outputs[names.image(name)] = images.pixels(inputs[name], picture, name=name)
    return outputs


def label_of(label: Label, inputs: Mapping[str, Raw]) -> tf.Tensor:
    """The label, shape ``[batch, 1]``; a missing value counts as 0.

    Args:
        label: its column and task.
        inputs: raw features.

    Returns:
        float32 0 or 1 for a binary task, the number itself as float32 for regression, the class id as int64 for a
        multiclass one, where a name that is not among the classes counts as class 0.
    """
    column = inputs[label.column]
    if isinstance(label.classes, tuple):
        matches = tf.equal(_dense(column, default=""), tf.constant([label.classes]))
        # Where nothing matches, all are equal and argmax takes the first.
        return tf.argmax(tf.cast(matches, tf.int32), axis=1)[:, tf.newaxis]
    if label.task == "multiclass":
        return _dense(_cast(column, tf.int64), default=0)
    left = _dense(_cast(column, tf.float32), default=0.0)
    if label.task == "regression":
        return left
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


def _dense(tensor: Raw, *, default: float | int | str) -> tf.Tensor:
    """A ``[batch, 1]`` tensor; a row without a value gets ``default``. The schema admits one value a row at most."""
    if isinstance(tensor, tf.SparseTensor):
        column = tf.SparseTensor(tensor.indices, tensor.values, [tensor.dense_shape[0], 1])
        return tf.ensure_shape(tf.sparse.to_dense(column, default_value=default), [None, 1])
    return tf.reshape(tensor, [-1, 1])


def _dense_ids(ids: Raw) -> tf.Tensor:
    """Int64 ids shifted by one, so that `features.MISSING_ID` is free for missing values."""
    shifted = _map_values(ids, lambda values: tf.cast(values, tf.int64) + 1)
    return _dense(shifted, default=names.MISSING_ID)
