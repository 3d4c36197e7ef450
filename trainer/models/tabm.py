"""An ensemble in one network for tables: TabM (Gorishniy et al., ICLR 2025, arXiv:2410.24210), its "mini" form.

Members share all weights but a scale of every input, which is what makes them differ (BatchEnsemble, Wen et al., ICLR
2020, arXiv:2002.06715), and their last layer. Each is trained on its own; their predictions are averaged. A linear
function of the numbers is added to all of them: a straight line is what a network of bins and ReLUs learns badly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import keras
from pydantic import Field, PositiveInt

from trainer.features.transformed import TransformedFeatures
from trainer.models.inputs import table_inputs
from trainer.models.layers.dropout import HashDropout
from trainer.models.layers.embeddings import BagEmbedding, IdEmbedding
from trainer.models.layers.members import MemberDense, ScaledDense, SharedSum
from trainer.models.layers.places import PlaceEmbedding

# The largest value of an id's embedding before the training; members differ by scales of it, so it is not small.
_INITIAL = 0.5


def build(
    *,
    features: TransformedFeatures,
    units: int,
    members: PositiveInt = 16,
    embedding_dim: PositiveInt = 8,
    hidden_units: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (64, 64),
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
) -> keras.Model:
    """Build the network.

    Args:
        features: names and sizes of the transformed features.
        units: int, width of the logits.
        members: int, members of the ensemble.
        embedding_dim: int, length of an embedding of an id, or of a number that has bins.
        hidden_units: widths of the dense layers, which all members share.
        dropout: share of hidden values that a training step drops, in [0, 1).

    Returns:
        A model from a dict of float32 numbers ``[batch, n]`` and int64 ids ``[batch, n]`` to the members' logits
        ``[batch, members, units]``.

    Raises:
        ValueError: there are pictures, or no features.
    """
    inputs = table_inputs(features, network="tabm")
    parts, chunks = [], []
    for name, width in features.numbers.items():
        parts.append(inputs[name])
        chunks += [1] * width
    for name, places in features.places.items():
        parts.append(PlaceEmbedding(bins=places.bins, dim=embedding_dim, name=f"{name}_embedding")(inputs[name]))
        chunks += [embedding_dim] * places.width
    for name, ids in features.ids.items():
        embedding = IdEmbedding(
            width=ids.width,
            size=ids.size,
            dim=embedding_dim,
            untrained=ids.untrained,
            initial=_INITIAL,
            name=f"{name}_embedding",
        )
        parts.append(embedding(inputs[name])[0])
        chunks += [embedding_dim] * ids.width
    for name, bag in features.bags.items():
        parts.append(BagEmbedding(size=bag.size, dim=embedding_dim, name=f"{name}_embedding")(inputs[name]))
        chunks.append(embedding_dim)
    first = ScaledDense(hidden_units[0], members=members, chunks=chunks, name="hidden_0")
    hidden = HashDropout(dropout)(first(_joined(parts)))
    for index, width in enumerate(hidden_units[1:], start=1):
        hidden = keras.layers.Dense(width, activation="relu", name=f"hidden_{index}")(hidden)
        hidden = HashDropout(dropout)(hidden)
    logits = MemberDense(units, members=members, name="logits")(hidden)
    if features.numbers:
        linear = keras.layers.Dense(units, use_bias=False, kernel_initializer="zeros", name="linear")
        numbers = _joined([inputs[name] for name in features.numbers])
        logits = SharedSum(name="sum")([logits, linear(numbers)])
    return keras.Model(inputs, logits, name="tabm")


def _joined(parts: Sequence[Any]) -> Any:
    """Matrices side by side."""
    return keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
