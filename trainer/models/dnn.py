"""A plain deep network in Keras 3's sequential style; its first layer joins all kinds of features into one vector."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import keras
from pydantic import Field, PositiveInt

from trainer.features.transformed import TransformedFeatures
from trainer.models.layers.dropout import HashDropout
from trainer.models.layers.embeddings import BagEmbedding, IdEmbedding
from trainer.models.layers.places import spread

# Keras does not annotate what its operations return.
ops: Any = keras.ops

Shapes = Mapping[str, tuple[int | None, ...]]


@keras.saving.register_keras_serializable(package="trainer")
class FeatureVector(keras.layers.Layer):
    """A dict of features as one vector: numbers as they are, ids embedded, pictures flattened.

    Args:
        numbers: names of float32 inputs ``[batch, n]``, with n.
        places: names of float32 inputs ``[batch, n]`` that are places in quantile bins, with n and the number of bins.
        ids: names of int64 inputs ``[batch, n]``, with the options of their `IdEmbedding`.
        bags: names of int64 inputs ``[batch, n]``, with the options of their `BagEmbedding`.
        images: height, width and channels of each picture, by name.
    """

    def __init__(
        self,
        *,
        numbers: Mapping[str, int],
        places: Mapping[str, Sequence[int]],
        ids: Mapping[str, Mapping[str, Any]],
        bags: Mapping[str, Mapping[str, Any]],
        images: Mapping[str, Sequence[int]],
        **options: Any,
    ):
        super().__init__(**options)
        self.settings = {
            "numbers": dict(numbers),
            "places": dict(places),
            "ids": dict(ids),
            "bags": dict(bags),
            "images": dict(images),
        }
        policy = self.dtype_policy
        self.embeddings = {
            **{name: IdEmbedding(**each, dtype=policy, name=f"{name}_embedding") for name, each in ids.items()},
            **{name: BagEmbedding(**each, dtype=policy, name=f"{name}_embedding") for name, each in bags.items()},
        }

    def build(self, input_shape: Shapes) -> None:
        """Create the embeddings' tables."""
        for layer in self.embeddings.values():
            layer.build((None, None))

    def call(self, features: Mapping[str, Any]) -> Any:
        """Features by name to ``[batch, width]``."""
        parts = [features[name] for name in self.settings["numbers"]]
        parts += [
            ops.reshape(spread(features[name], bins), (-1, width * bins))
            for name, (width, bins) in self.settings["places"].items()
        ]
        parts += [self.embeddings[name](features[name])[0] for name in self.settings["ids"]]
        parts += [self.embeddings[name](features[name]) for name in self.settings["bags"]]
        parts += [
            ops.reshape(features[name], (-1, math.prod(shape))) for name, shape in self.settings["images"].items()
        ]
        return ops.concatenate([ops.cast(part, self.compute_dtype) for part in parts], axis=1)

    def compute_output_shape(self, input_shape: Shapes) -> tuple[int | None, int]:
        """The shape of `call`'s result."""
        width = sum(self.settings["numbers"].values())
        width += sum(math.prod(each) for each in self.settings["places"].values())
        width += sum(each["width"] * each["dim"] for each in self.settings["ids"].values())
        width += sum(each["dim"] for each in self.settings["bags"].values())
        return (None, width + sum(math.prod(shape) for shape in self.settings["images"].values()))

    def get_config(self) -> dict[str, Any]:
        """The configuration with which a saved model rebuilds the layer."""
        return {**super().get_config(), **self.settings}


def build(
    *,
    features: TransformedFeatures,
    units: int,
    embedding_dim: PositiveInt = 8,
    hidden_units: tuple[PositiveInt, ...] = (128, 64),
    activation: Literal["relu", "gelu", "silu", "tanh"] = "relu",
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
) -> keras.Model:
    """Build the network.

    Args:
        features: names and sizes of the transformed features.
        units: int, width of the logits.
        embedding_dim: int, length of an id's embedding.
        hidden_units: widths of the dense layers.
        activation: activation of the dense layers.
        dropout: share of hidden values that a training step drops, in [0, 1).

    Returns:
        A model from a dict of float32 numbers ``[batch, n]``, int64 ids ``[batch, n]`` and pictures to logits
        ``[batch, units]``.

    Raises:
        ValueError: there are no features.
    """
    if not (features.numbers or features.places or features.ids or features.bags or features.images):
        raise ValueError("dnn needs at least one feature; name some under features.")
    layers: list[keras.layers.Layer] = [
        FeatureVector(
            numbers=features.numbers,
            places={name: (places.width, places.bins) for name, places in features.places.items()},
            ids={
                name: {"width": ids.width, "size": ids.size, "dim": embedding_dim, "untrained": list(ids.untrained)}
                for name, ids in features.ids.items()
            },
            bags={name: {"size": bag.size, "dim": embedding_dim} for name, bag in features.bags.items()},
            images=features.images,
            name="features",
        )
    ]
    for index, width in enumerate(hidden_units):
        layers.append(keras.layers.Dense(width, activation=activation, name=f"hidden_{index}"))
        layers.append(HashDropout(dropout, name=f"dropout_{index}"))
    layers.append(keras.layers.Dense(units, name="logits"))
    # Keras builds a sequential model by itself only if its input is a single tensor.
    shape: Any = {}
    for layer in layers:
        layer.build(shape)
        shape = layer.compute_output_shape(shape)
    return keras.Sequential(layers, name="dnn")
