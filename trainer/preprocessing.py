"""The preprocessing_fn of training and serving: raw features to model inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from trainer.features.outputs import Outputs
from trainer.features.raw import Raw, RawColumns
from trainer.features.transformed import EXAMPLE_WEIGHT_KEY, LABEL_KEY
from trainer.labels.transform import label_of
from trainer.parameters import CUSTOM_CONFIG_KEY, Parameters


def preprocessing_fn(inputs: Mapping[str, Raw], custom_config: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Turn raw features into model inputs, label and example weight; Transform calls it once, to trace a graph.

    Whatever it returns beside label and weight reaches the network: float32 ``[batch, n]`` as numbers, int64
    ``[batch, n]`` with a known range as ids, float32 ``[batch, height, width, channels]`` as a picture.

    Args:
        inputs: raw features by name, dense ``[batch, n]``, or sparse ``[batch, ?]`` where values may be missing.
        custom_config: `Parameters` as JSON under ``CUSTOM_CONFIG_KEY``.

    Returns:
        The outputs of `trainer.features.outputs.Outputs`; the label ``[batch, 1]``, float32, or int64 for a class; the
        weight, float32 ``[batch, 1]``.
    """
    parameters = Parameters.model_validate_json(custom_config[CUSTOM_CONFIG_KEY])
    features = parameters.resolved_features(inputs)
    raw, outputs = RawColumns(inputs, features.scalars()), Outputs()
    for kind, columns in features.by_kind():
        kind.transform(columns, raw, outputs)
    transformed = {LABEL_KEY: label_of(parameters.label, inputs), **outputs.finish()}
    if parameters.example_weight is not None:
        column = parameters.example_weight
        weights = tf.cast(RawColumns(inputs, [column]).floats([column]), tf.float32)
        transformed[EXAMPLE_WEIGHT_KEY] = tf.where(tf.math.is_nan(weights), 1.0, weights)
    return transformed
