"""The label in the Transform graph: raw columns to what the loss compares with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from trainer.labels import tensors
from trainer.labels.config import FALSE_WORDS, FRACTION, TRUE_WORDS, Above, Label
from trainer.labels.tensors import Raw


def label_of(label: Label, inputs: Mapping[str, Raw]) -> tf.Tensor:
    """The label, shape ``[batch, 1]``.

    Args:
        label: column and task.
        inputs: raw features by name.

    Returns:
        float32 0 or 1 for a binary task, the number itself as float32 for regression, the class id as int64 for a
        multiclass one; `Label.unknown` where a value is missing or has no meaning.
    """
    column = inputs[label.column]
    if label.above is not None:
        return _comparison(label.above, _numbers(column), inputs)
    if label.task == "regression":
        return _numbers(column)
    if label.task == "multiclass" and label.values is None:
        ids = tf.cast(tensors.dense(tensors.map_values(column, _whole), default=-1), tf.int64)
        return tf.where((ids >= 0) & (ids < len(label.class_names())), ids, -1)
    words = _words(column)
    if label.values is not None:
        ids = _places(words, label.values)
        return ids if label.task == "multiclass" else _binary(tf.equal(ids, 1), known=ids >= 0)
    if label.positive is not None:
        return _binary(tf.equal(words, str(label.positive)), known=tf.not_equal(words, ""))
    places = _places(tf.strings.lower(tf.strings.strip(words)), [*TRUE_WORDS, *FALSE_WORDS])
    return _binary(places < len(TRUE_WORDS), known=places >= 0)


def _comparison(above: Above | float, left: tf.Tensor, inputs: Mapping[str, Raw]) -> tf.Tensor:
    if isinstance(above, Above):
        right = above.times * _numbers(inputs[above.column])
    else:
        right = tf.fill(tf.shape(left), tf.constant(above, tf.float32))
    return _binary(left > right, known=tf.logical_not(tf.math.is_nan(left) | tf.math.is_nan(right)))


def _numbers(column: Raw) -> tf.Tensor:
    """A column as float32, NaN where missing."""
    return tensors.dense(tensors.cast(column, tf.float32), default=np.nan)


def _words(column: Raw) -> tf.Tensor:
    """A column as text, empty where missing; whole numbers in decimal digits, and other numbers as no class's name."""
    if column.dtype == tf.string:
        return tensors.dense(column, default="")
    return tensors.dense(tensors.map_values(column, lambda values: _digits(values, _whole(values))), default="")


def _digits(values: tf.Tensor, whole: tf.Tensor) -> tf.Tensor:
    exact = tf.equal(tf.cast(whole, values.dtype), values)
    words = tf.where(exact, tf.strings.as_string(whole), FRACTION)
    return tf.where(tf.not_equal(values, values), "", words)


def _whole(values: tf.Tensor) -> tf.Tensor:
    """Numbers as int64, -1 for one with a fraction."""
    if values.dtype != tf.float32:
        return tf.cast(values, tf.int64)
    return tf.where(tf.equal(tf.floor(values), values), tf.cast(values, tf.int64), -1)


def _places(words: tf.Tensor, known: Sequence[str]) -> tf.Tensor:
    """The place of each word, int64 ``[batch, 1]``; -1 for a word that is not known."""
    matches = tf.equal(words, tf.constant([list(known)]))
    place = tf.argmax(tf.cast(matches, tf.int32), axis=1)
    return tf.where(tf.reduce_any(matches, axis=1), place, -1)[:, tf.newaxis]


def _binary(positive: tf.Tensor, *, known: tf.Tensor) -> tf.Tensor:
    return tf.where(known, tf.cast(positive, tf.float32), np.nan)
