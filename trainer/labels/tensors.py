"""Raw columns as tensors: casts, and dense columns with a default for missing values."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

Raw = tf.Tensor | tf.SparseTensor


def map_values(tensor: Raw, function: Callable[[tf.Tensor], tf.Tensor]) -> Raw:
    """Apply ``function`` to the values that are there."""
    if isinstance(tensor, tf.SparseTensor):
        return tf.SparseTensor(tensor.indices, function(tensor.values), tensor.dense_shape)
    return function(tensor)


def cast(tensor: Raw, dtype: tf.DType) -> Raw:
    """The same column in another dtype."""
    return map_values(tensor, lambda values: tf.cast(values, dtype))


def dense(tensor: Raw, *, default: float | int | str) -> tf.Tensor:
    """A ``[batch, 1]`` column; a row without a value gets ``default``. The schema allows at most one value a row."""
    if isinstance(tensor, tf.SparseTensor):
        column = tf.SparseTensor(tensor.indices, tensor.values, [tensor.dense_shape[0], 1])
        return tf.ensure_shape(tf.sparse.to_dense(column, default_value=default), [None, 1])
    return tf.reshape(tensor, [-1, 1])
