"""A wide-and-deep binary classifier (Cheng et al. 2016, arXiv:1606.07792) in Keras 3's functional style."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import keras
from keras import ops

from trainer.features import TransformedFeatures
from trainer.parameters import Model


@keras.saving.register_keras_serializable(package="trainer")
class JointEmbedding(keras.layers.Layer):
    """One table for several categorical features: one gather instead of one per feature.

    Ids of feature ``i`` are shifted past the ids of the features before it; an id beyond its feature's size would
    reach into the next feature's rows, so ids are clipped.

    Args:
        sizes: the number of ids of each feature.
        dim: the length of an embedding.
        initializer: of the table.
    """

    def __init__(self, *, sizes: Sequence[int], dim: int, initializer: str = "uniform", **options: Any):
        super().__init__(**options)
        self.sizes = tuple(sizes)
        self.dim = dim
        self.initializer = initializer

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the table, float32 ``[sum(sizes), dim]``."""
        self.table = self.add_weight(shape=(sum(self.sizes), self.dim), initializer=self.initializer, name="table")

    def call(self, ids: Any) -> Any:
        """Int ids ``[batch, features]`` to float32 ``[batch, features * dim]``."""
        offsets = ops.cast(ops.array([0, *accumulate(self.sizes)][:-1]), ids.dtype)
        rows = ops.clip(ids, 0, ops.cast(ops.array(self.sizes) - 1, ids.dtype)) + offsets
        return ops.reshape(ops.take(self.table, rows, axis=0), (-1, len(self.sizes) * self.dim))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        """The shape of `call`'s result."""
        return (input_shape[0], len(self.sizes) * self.dim)

    def get_config(self) -> dict[str, Any]:
        """What a saved model needs to rebuild the layer."""
        return {**super().get_config(), "sizes": self.sizes, "dim": self.dim, "initializer": self.initializer}


def build(*, features: TransformedFeatures, options: Model) -> keras.Model:
    """Build the network.

    Args:
        features: names and sizes of the transformed features.
        options: widths, embedding size and dropout.

    Returns:
        A model from a dict of ``[batch, 1]`` features (float32 numeric, int64 ids) to logits ``[batch, 1]``.
        Its wide half gives every id a weight of its own, its deep half an embedding that feeds dense layers.
    """
    numeric = {name: keras.Input((1,), name=name, dtype="float32") for name in features.numeric}
    categorical = {name: keras.Input((1,), name=name, dtype="int64") for name in features.categorical}
    sizes = tuple(features.categorical.values())

    deep, wide = list(numeric.values()), None
    if categorical:
        ids = _join(list(categorical.values()))
        weights = JointEmbedding(sizes=sizes, dim=1, initializer="zeros", name="wide")(ids)
        wide = ops.sum(weights, axis=-1, keepdims=True)
        deep.append(JointEmbedding(sizes=sizes, dim=options.embedding_dim, name="embedding")(ids))
    hidden = _join(deep)
    for index, units in enumerate(options.hidden_units):
        hidden = keras.layers.Dense(units, activation="relu", name=f"hidden_{index}")(hidden)
        hidden = keras.layers.Dropout(options.dropout)(hidden)
    logits = keras.layers.Dense(1, name="logit")(hidden)
    return keras.Model({**numeric, **categorical}, logits if wide is None else logits + wide, name="wide_and_deep")


def _join(columns: list[Any]) -> Any:
    """Columns side by side."""
    return keras.layers.Concatenate()(columns) if len(columns) > 1 else columns[0]
