"""A wide-and-deep network (Cheng et al. 2016, arXiv:1606.07792) in Keras 3's functional style."""

from __future__ import annotations

from typing import Annotated, Any

import keras
from pydantic import Field, PositiveInt

from trainer.features.transformed import TransformedFeatures
from trainer.models.inputs import table_inputs
from trainer.models.layers.dropout import HashDropout
from trainer.models.layers.embeddings import BagEmbedding, IdEmbedding
from trainer.models.layers.places import PiecewiseLinear


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
        A model from a dict of float32 numbers ``[batch, n]`` and int64 ids ``[batch, n]`` to logits
        ``[batch, units]``. Its wide half has a weight for every id, its deep half an embedding that feeds dense layers.

    Raises:
        ValueError: there are pictures, or no features.
    """
    inputs = table_inputs(features, network="wide_and_deep")
    deep: list[Any] = [inputs[name] for name in features.numbers]
    wide: list[Any] = []
    for name, places in features.places.items():
        deep.append(PiecewiseLinear(bins=places.bins, name=f"{name}_piecewise")(inputs[name]))
    for name, ids in features.ids.items():
        embedding = IdEmbedding(
            width=ids.width,
            size=ids.size,
            dim=embedding_dim,
            units=units,
            untrained=ids.untrained,
            name=f"{name}_embedding",
        )
        embedded, weighted = embedding(inputs[name])
        deep.append(embedded)
        wide.append(weighted)
    for name, bag in features.bags.items():
        deep.append(BagEmbedding(size=bag.size, dim=embedding_dim, name=f"{name}_embedding")(inputs[name]))
    hidden = keras.layers.Concatenate()(deep) if len(deep) > 1 else deep[0]
    for index, width in enumerate(hidden_units):
        hidden = keras.layers.Dense(width, activation="relu", name=f"hidden_{index}")(hidden)
        hidden = HashDropout(dropout)(hidden)
    logits = keras.layers.Dense(units, name="logits")(hidden)
    return keras.Model(inputs, sum(wide, logits), name="wide_and_deep")
