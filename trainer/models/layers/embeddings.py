"""Embeddings of ids, written for a step that XLA compiles: one table and one gather for all columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Keras does not annotate what its operations return.
ops: Any = keras.ops
# The largest value of an embedding before the training, as in Keras.
_INITIAL = 0.05


@keras.saving.register_keras_serializable(package="trainer")
class IdEmbedding(keras.layers.Layer):
    """The embeddings of a row's ids, for the deep and the wide half of a network.

    Args:
        width: int, ids a row.
        size: int, rows of the table; an id beyond it is clipped.
        dim: int, length of an embedding.
        units: int, weights per id in the wide half, initially zero; 0 for a network without one.
        untrained: ids whose embeddings are initially zero, so that one without an example adds nothing.
        initial: the largest value of an embedding before the training.
    """

    def __init__(
        self,
        *,
        width: int,
        size: int,
        dim: int,
        units: int = 0,
        untrained: Sequence[int] = (),
        initial: float = _INITIAL,
        **options: Any,
    ):
        super().__init__(**options)
        self.width = width
        self.size = size
        self.dim = dim
        self.units = units
        self.untrained = tuple(untrained)
        self.initial = initial

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the tables, float32 ``[size, dim]`` and ``[size, units]``.

        They are two weights, not one that is split: a slice of a table copies it whole on every request, and the TF
        Lite converter leaves the second half of a single one in float.
        """
        initializer = _zero_at(self.untrained, initial=self.initial)
        self.table = self.add_weight(shape=(self.size, self.dim), initializer=initializer, name="table")
        self.wide = None
        if self.units:
            self.wide = self.add_weight(shape=(self.size, self.units), initializer="zeros", name="wide")

    def call(self, ids: Any) -> tuple[Any, Any]:
        """Int ids ``[batch, width]`` to embeddings ``[batch, width * dim]`` and sums ``[batch, units]``."""
        rows = ops.cast(ops.clip(ids, 0, self.size - 1), "int32")
        # Not ops.take, which first looks for negative ids.
        deep = ops.reshape(tf.gather(ops.convert_to_tensor(self.table), rows), (-1, self.width * self.dim))
        if self.wide is None:
            return deep, ops.zeros((ops.shape(ids)[0], 0), deep.dtype)
        return deep, ops.sum(tf.gather(ops.convert_to_tensor(self.wide), rows), axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[tuple[int | None, int], ...]:
        """The shapes of `call`'s results."""
        return (input_shape[0], self.width * self.dim), (input_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        """The configuration with which a saved model rebuilds the layer."""
        names = ("width", "size", "dim", "units", "untrained", "initial")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="trainer")
class BagEmbedding(keras.layers.Layer):
    """The mean embedding of a bag of ids; 0 is padding, and an empty bag is all zeros.

    Args:
        size: int, rows of the table.
        dim: int, length of an embedding.
    """

    def __init__(self, *, size: int, dim: int, **options: Any):
        super().__init__(**options)
        self.size = size
        self.dim = dim

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the table, float32 ``[size, dim]``."""
        self.table = self.add_weight(shape=(self.size, self.dim), initializer=_zero_at(()), name="table")

    def call(self, ids: Any) -> Any:
        """Int ids ``[batch, length]`` to ``[batch, dim]``."""
        rows = ops.cast(ops.clip(ids, 0, self.size - 1), "int32")
        vectors = tf.gather(ops.convert_to_tensor(self.table), rows)
        there = ops.cast(ops.expand_dims(rows > 0, -1), vectors.dtype)
        return ops.sum(vectors * there, axis=1) / ops.maximum(ops.sum(there, axis=1), 1.0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        """The shape of `call`'s result."""
        return (input_shape[0], self.dim)

    def get_config(self) -> dict[str, Any]:
        """The configuration with which a saved model rebuilds the layer."""
        return {**super().get_config(), "size": self.size, "dim": self.dim}


def _zero_at(rows: Sequence[int], *, initial: float = _INITIAL) -> Any:
    """An initializer of uniform numbers up to ``initial``, with zeros in some rows."""
    uniform = keras.initializers.RandomUniform(-initial, initial)

    def drawn(shape: tuple[int, int], dtype: str) -> Any:
        if not rows:
            return uniform(shape, dtype)
        kept = np.ones((shape[0], 1), np.float32)
        kept[list(rows)] = 0
        return uniform(shape, dtype) * ops.cast(kept, dtype)

    return drawn
