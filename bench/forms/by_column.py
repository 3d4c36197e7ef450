"""The usual form of a preprocessing_fn, as in TFX's taxi template: one or two analyzers for every column.

It yields what `trainer.preprocessing` yields for numbers and categories, under a name for each column, so that the same
network reads both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from trainer.features.raw import Raw
from trainer.features.transformed import LABEL_KEY
from trainer.labels.transform import label_of
from trainer.parameters import CUSTOM_CONFIG_KEY, Parameters


def preprocessing_fn(inputs: Mapping[str, Raw], custom_config: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Raw features to a float32 or int64 output ``[batch, 1]`` for each form of each column, and the label."""
    parameters = Parameters.model_validate_json(custom_config[CUSTOM_CONFIG_KEY])
    outputs = {LABEL_KEY: label_of(parameters.label, inputs)}
    for index, (name, options) in enumerate(parameters.resolved_features(inputs).columns()):
        column = inputs[name]
        if options.kind == "category" and options.codes is not None:
            codes = tf.where(_there(column), _dense(column, 0) + 2, 0)
            outputs[f"ids_{index}"] = tf.clip_by_value(codes, 0, options.codes + 1)
        elif options.kind == "category":
            outputs[f"ids_{index}"] = tft.compute_and_apply_vocabulary(
                _dense(column, ""),
                top_k=options.top_k,
                frequency_threshold=options.min_count,
                num_oov_buckets=1,
                vocab_filename=f"vocabulary_{index}",
            )
        elif options.buckets is not None:
            numbers = tf.cast(_dense(column, 0), tf.float32)
            outputs[f"ids_{index}"] = tft.bucketize(numbers, options.buckets)
        else:
            numbers = tf.cast(_dense(column, 0), tf.float32)
            outputs[f"numbers_{index}"] = tft.scale_to_z_score(numbers)
            outputs[f"numbers_{index}_missing"] = tf.cast(tf.logical_not(_there(column)), tf.float32)
    return outputs


def joined(outputs: Mapping[str, tf.Tensor], *, ids: int, numbers: int) -> dict[str, tf.Tensor]:
    """The outputs as the two inputs of a network, ``[batch, ids]`` and ``[batch, numbers]``."""
    parts = {kind: [outputs[name] for name in sorted(outputs) if name.startswith(kind)] for kind in ("ids", "numbers")}
    found = {kind: tf.concat(tensors, axis=1) for kind, tensors in parts.items() if tensors}
    return {
        kind: tf.ensure_shape(found[kind], [None, width])
        for kind, width in (("ids", ids), ("numbers", numbers))
        if width
    }


def _dense(column: Raw, default: Any) -> tf.Tensor:
    """A column ``[batch, 1]``, as the template fills in missing values."""
    if not isinstance(column, tf.SparseTensor):
        return column
    sparse = tf.SparseTensor(column.indices, column.values, [column.dense_shape[0], 1])
    return tf.reshape(tf.sparse.to_dense(sparse, tf.constant(default, column.dtype)), [-1, 1])


def _there(column: Raw) -> tf.Tensor:
    if not isinstance(column, tf.SparseTensor):
        return tf.ones_like(column, tf.bool)
    ones = tf.ones_like(column.values, tf.int64)
    return _dense(tf.SparseTensor(column.indices, ones, column.dense_shape), 0) > 0
