"""A wide-and-deep network (Cheng et al. 2016, arXiv:1606.07792) in Keras 3's functional style."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Annotated, Any

import keras
from keras import ops
from pydantic import Field, PositiveInt

from trainer.features import TransformedFeatures
from trainer.models.dropout import HashDropout


@keras.saving.register_keras_serializable(package="trainer")
class JointEmbedding(keras.layers.Layer):
    """One table for several categorical features, for the deep and the wide half: one gather instead of many.

    Ids of feature ``i`` are shifted past the ids of the features before it; an id beyond its feature's size would
    reach into the next feature's rows, so ids are clipped.

    Args:
        sizes: the number of ids of each feature, by its name, in the order of the ids' columns.
        dim: the length of an embedding.
        units: the number of weights that each id has of its own, which begin at zero.
    """

    def __init__(self, *, sizes: Mapping[str, int], dim: int, units: int, **options: Any):
        super().__init__(**options)
        self.sizes = dict(sizes)
        self.dim = dim
        self.units = units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the table, float32 ``[sum(sizes), dim + units]``."""
        uniform = keras.initializers.RandomUniform()

        def initial(shape: tuple[int, int], dtype: str) -> Any:
            return ops.concatenate(
                [uniform((shape[0], self.dim), dtype), ops.zeros((shape[0], self.units), dtype)], axis=1
            )

        self.table = self.add_weight(
            shape=(sum(self.sizes.values()), self.dim + self.units), initializer=initial, name="table"
        )

    def call(self, ids: Any) -> tuple[Any, Any]:
        """Int ids ``[batch, features]`` to embeddings ``[batch, features * dim]`` and sums ``[batch, units]``."""
        offsets = ops.cast(ops.array(self._offsets()), ids.dtype)
        rows = ops.clip(ids, 0, ops.cast(ops.array(list(self.sizes.values())) - 1, ids.dtype)) + offsets
        found = ops.take(self.table, rows, axis=0)
        deep = ops.reshape(found[..., : self.dim], (-1, len(self.sizes) * self.dim))
        return deep, ops.sum(found[..., self.dim :], axis=1)

    def split(self, table: Any) -> dict[str, Any]:
        """The rows of each feature in a table."""
        return {
            name: table[start : start + self.sizes[name]]
            for name, start in zip(self.sizes, self._offsets(), strict=True)
        }

    def _offsets(self) -> list[int]:
        return [0, *accumulate(self.sizes.values())][:-1]

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[tuple[int | None, int], ...]:
        """The shapes of `call`'s results."""
        return (input_shape[0], len(self.sizes) * self.dim), (input_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        """What a saved model needs to rebuild the layer."""
        return {**super().get_config(), "sizes": self.sizes, "dim": self.dim, "units": self.units}


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

    deep, wide = list(numeric.values()), None
    if categorical:
        ids = _join(list(categorical.values()))
        embedded, wide = JointEmbedding(sizes=features.categorical, dim=embedding_dim, units=units, name="embedding")(
            ids
        )
        deep.append(embedded)
    hidden = _join(deep)
    for index, width in enumerate(hidden_units):
        hidden = keras.layers.Dense(width, activation="relu", name=f"hidden_{index}")(hidden)
        hidden = HashDropout(dropout)(hidden)
    logits = keras.layers.Dense(units, name="logits")(hidden)
    return keras.Model({**numeric, **categorical}, logits if wide is None else logits + wide, name="wide_and_deep")


def _join(columns: list[Any]) -> Any:
    """Columns side by side."""
    return keras.layers.Concatenate()(columns) if len(columns) > 1 else columns[0]
