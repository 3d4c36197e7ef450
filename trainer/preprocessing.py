"""The preprocessing_fn of training and serving: raw features to model inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from trainer.features import tensors
from trainer.features.transformed import EXAMPLE_WEIGHT_KEY, LABEL_KEY
from trainer.labels.transform import label_of
from trainer.parameters import CUSTOM_CONFIG_KEY, Parameters


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
