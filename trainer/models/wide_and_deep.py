"""A wide-and-deep network (Cheng et al. 2016, arXiv:1606.07792) in Keras 3's functional style."""

from __future__ import annotations

from typing import Annotated, Any

import keras
from pydantic import Field, PositiveInt

from trainer.features.transformed import TransformedFeatures
from trainer.models.layers import HashDropout, JointEmbedding


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
        units: int, width of the logits.
        embedding_dim: int, length of an id's embedding.
        hidden_units: widths of the dense layers.
        dropout: share of hidden values that a training step drops, in [0, 1).

    Returns:
        A model from a dict of ``[batch, 1]`` features (float32 numeric, int64 ids) to logits ``[batch, units]``.
        Its wide half has a weight for every id, its deep half an embedding that feeds dense layers.

    Raises:
        ValueError: there are pictures, or no features.
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
