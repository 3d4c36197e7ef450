"""A wide-and-deep network (Cheng et al. 2016, arXiv:1606.07792) in Keras 3's functional style."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Annotated, Any

import keras
from keras import ops
from pydantic import Field, PositiveInt

from trainer.features import TransformedFeatures


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


def build(
    *,
    features: TransformedFeatures,
    units: int,
    embedding_dim: PositiveInt = 8,
    hidden_units: tuple[PositiveInt, ...] = (64, 32),
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
) -> keras.Model:
    """Build the network.

    Args:
        features: names and sizes of the transformed features.
        units: the width of the logits.
        embedding_dim: the length of each id's embedding.
        hidden_units: the widths of the dense layers.
        dropout: the share of hidden values that a training step leaves out.

    Returns:
        A model from a dict of ``[batch, 1]`` features (float32 numeric, int64 ids) to logits ``[batch, units]``.
        Its wide half gives every id a weight of its own, its deep half an embedding that feeds dense layers.

    Raises:
        ValueError: the features hold pictures, or nothing.
    """
    if features.images or not (features.numeric or features.categorical):
        found = f"the picture {next(iter(features.images))}" if features.images else "no features at all"
        raise ValueError(
            f"wide_and_deep reads numeric and categorical features; there is {found}: drop it or choose another "
            "trainer.model.name (lenet and dnn read pictures)."
        )
    numeric = {name: keras.Input((1,), name=name, dtype="float32") for name in features.numeric}
    categorical = {name: keras.Input((1,), name=name, dtype="int64") for name in features.categorical}
    sizes = tuple(features.categorical.values())

    deep, wide = list(numeric.values()), None
    if categorical:
        ids = _join(list(categorical.values()))
        weights = JointEmbedding(sizes=sizes, dim=units, initializer="zeros", name="wide")(ids)
        wide = ops.sum(ops.reshape(weights, (-1, len(sizes), units)), axis=1)
        deep.append(JointEmbedding(sizes=sizes, dim=embedding_dim, name="embedding")(ids))
    hidden = _join(deep)
    for index, width in enumerate(hidden_units):
        hidden = keras.layers.Dense(width, activation="relu", name=f"hidden_{index}")(hidden)
        hidden = keras.layers.Dropout(dropout)(hidden)
    logits = keras.layers.Dense(units, name="logits")(hidden)
    return keras.Model({**numeric, **categorical}, logits if wide is None else logits + wide, name="wide_and_deep")


def _join(columns: list[Any]) -> Any:
    """Columns side by side."""
    return keras.layers.Concatenate()(columns) if len(columns) > 1 else columns[0]
