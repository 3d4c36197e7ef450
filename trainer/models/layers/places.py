"""Places of numbers on axes of quantile bins, as a network reads them: spread over the bins, or embedded."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Keras does not annotate what its operations return.
ops: Any = keras.ops


def spread(places: Any, bins: int) -> Any:
    """Float places ``[batch, n]`` from 0 to ``bins`` over the bins, ``[batch, n, bins]``."""
    return ops.clip(ops.expand_dims(places, -1) - ops.arange(bins, dtype=places.dtype), 0, 1)


@keras.saving.register_keras_serializable(package="trainer")
class PiecewiseLinear(keras.layers.Layer):
    """Places as a piecewise-linear encoding (Gorishniy et al. 2022, arXiv:2203.05556).

    A bin below the place is 1, one above it is 0, and the place's own bin is its fraction.

    Args:
        bins: int, bins of each number.
    """

    def __init__(self, *, bins: int, **options: Any):
        super().__init__(**options)
        self.bins = bins

    def call(self, places: Any) -> Any:
        """Float places ``[batch, n]`` from 0 to ``bins`` to ``[batch, n * bins]``, each from 0 to 1."""
        return ops.reshape(spread(places, self.bins), (-1, places.shape[1] * self.bins))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        """The shape of `call`'s result."""
        return (input_shape[0], (input_shape[1] or 0) * self.bins)

    def get_config(self) -> dict[str, Any]:
        """The configuration with which a saved model rebuilds the layer."""
        return {**super().get_config(), "bins": self.bins}


class _Embedding(keras.layers.Layer):
    """Float places ``[batch, n]`` from 0 to ``bins`` to ``[batch, n * dim]``.

    Args:
        bins: int, bins of each number.
        dim: int, length of an embedding.
    """

    def __init__(self, *, bins: int, dim: int, **options: Any):
        super().__init__(**options)
        self.bins = bins
        self.dim = dim

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        """The shape of `call`'s result."""
        return (input_shape[0], (input_shape[1] or 0) * self.dim)

    def get_config(self) -> dict[str, Any]:
        """The configuration with which a saved model rebuilds the layer."""
        return {**super().get_config(), "bins": self.bins, "dim": self.dim}


@keras.saving.register_keras_serializable(package="trainer")
class PlaceEmbedding(_Embedding):
    """Embeddings of places: linear within a bin, and zero before the training."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the table, float32 ``[n, bins, dim]``."""
        self.table = self.add_weight(shape=(input_shape[1], self.bins, self.dim), initializer="zeros", name="table")

    def call(self, places: Any) -> Any:
        """Float places ``[batch, n]`` from 0 to ``bins`` to ``[batch, n * dim]``."""
        embedded = ops.einsum("bnt,ntd->bnd", spread(places, self.bins), self.table)
        return ops.reshape(embedded, (-1, places.shape[1] * self.dim))

    def served(self) -> PlaceLookup:
        """The same function as one lookup a number, with the sums over all bins below a place computed in advance."""
        lookup = PlaceLookup(bins=self.bins, dim=self.dim, name=self.name)
        slopes = ops.convert_to_numpy(self.table)
        starts = np.cumsum(slopes, axis=1, dtype=np.float64) - slopes
        lookup.build((None, slopes.shape[0]))
        lookup.set_weights([np.concatenate([starts, slopes], axis=-1).reshape(-1, 2 * self.dim)])
        return lookup


class PlaceLookup(_Embedding):
    """What a trained `PlaceEmbedding` computes, from the embedding at each bin's start and its slope in the bin."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the table of starts and slopes, float32 ``[n * bins, 2 * dim]``."""
        shape = ((input_shape[1] or 0) * self.bins, 2 * self.dim)
        self.table = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="table")

    def call(self, places: Any) -> Any:
        """Float places ``[batch, n]`` from 0 to ``bins`` to ``[batch, n * dim]``."""
        numbers = places.shape[1]
        inside = ops.clip(places, 0, self.bins)
        # The end of the last bin has no bin of its own. NaN stays NaN, but must not become an index outside the table.
        bin_ = ops.clip(ops.cast(inside, "int32"), 0, self.bins - 1)
        found = tf.gather(ops.convert_to_tensor(self.table), bin_ + np.arange(numbers, dtype=np.int32) * self.bins)
        start, slope = ops.split(found, 2, axis=-1)
        embedded = start + slope * ops.expand_dims(inside - ops.cast(bin_, inside.dtype), -1)
        return ops.reshape(embedded, (-1, numbers * self.dim))
