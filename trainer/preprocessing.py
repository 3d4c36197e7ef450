"""The preprocessing_fn of training and serving: raw features to model inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from trainer.features import tensors
from trainer.features.transformed import EXAMPLE_WEIGHT_KEY, LABEL_KEY
from trainer.parameters import CUSTOM_CONFIG_KEY, Label, Parameters


def preprocessing_fn(inputs: Mapping[str, tensors.Raw], custom_config: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Turn raw features into model inputs, label and example weight; Transform calls it once, to trace a graph.

    Args:
        inputs: raw features by name, dense ``[batch, 1]`` (a list of pixels ``[batch, n]``), or sparse ``[batch, ?]``
            where values may be missing.
        custom_config: `Parameters` as JSON under ``CUSTOM_CONFIG_KEY``.

    Returns:
        Dense tensors of shape ``[batch, 1]``: float32 for numeric features, weights and labels, int64 for ids and
        classes; pictures are float32 ``[batch, height, width, channels]``.
    """
    parameters = Parameters.model_validate_json(custom_config[CUSTOM_CONFIG_KEY])
    outputs = {LABEL_KEY: label_of(parameters.label, inputs)}
    if parameters.example_weight is not None:
        weights = tensors.cast(inputs[parameters.example_weight], tf.float32)
        outputs[EXAMPLE_WEIGHT_KEY] = tensors.dense(weights, default=1.0)
    for _, kind, name, options in parameters.resolved_features(inputs).columns():
        outputs[kind.transformed_name(name)] = kind.transform(inputs[name], options, name=name)
    return outputs


def label_of(label: Label, inputs: Mapping[str, tensors.Raw]) -> tf.Tensor:
    """The label, shape ``[batch, 1]``; a missing value counts as 0.

    Args:
        label: column and task.
        inputs: raw features by name.

    Returns:
        float32 0 or 1 for a binary task, the number itself as float32 for regression, the class id as int64 for a
        multiclass one, where an unknown name counts as class 0.
    """
    column = inputs[label.column]
    if isinstance(label.classes, tuple):
        matches = tf.equal(tensors.dense(column, default=""), tf.constant([label.classes]))
        # Where nothing matches, all are equal and argmax takes the first.
        return tf.argmax(tf.cast(matches, tf.int32), axis=1)[:, tf.newaxis]
    if label.task == "multiclass":
        return tensors.dense(tensors.cast(column, tf.int64), default=0)
    left = tensors.dense(tensors.cast(column, tf.float32), default=0.0)
    if label.task == "regression":
        return left
    if label.above is None:
        return tf.cast(left > 0.5, tf.float32)
    right = tensors.dense(tensors.cast(inputs[label.above.column], tf.float32), default=0.0)
    return tf.cast(left > label.above.times * right, tf.float32)
