"""A plain deep network in Keras 3's sequential style; its first layer joins all kinds of features into one vector."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import keras
from pydantic import Field, PositiveInt

from trainer.features.transformed import TransformedFeatures
from trainer.models.layers import HashDropout, JointEmbedding

# Keras does not annotate what its operations return.
ops: Any = keras.ops

Shapes = Mapping[str, tuple[int | None, ...]]


@keras.saving.register_keras_serializable(package="trainer")
class FeatureVector(keras.layers.Layer):
    """A dict of features as one vector: numbers as they are, ids embedded, pictures flattened.

    Args:
        numeric: names of the numbers ``[batch, 1]``.
        categorical: number of ids of each feature of ids ``[batch, 1]``, by name.
        images: height, width and channels of each picture, by name.
        embedding_dim: int, length of an id's embedding.
    """

    def __init__(
        self,
        *,
        numeric: Sequence[str],
        categorical: Mapping[str, int],
        images: Mapping[str, Sequence[int]],
        embedding_dim: int,
        **options: Any,
    ):
        super().__init__(**options)
        self.numeric = tuple(numeric)
        self.categorical = dict(categorical)
        self.images = {name: tuple(shape) for name, shape in images.items()}
        self.embedding_dim = embedding_dim
        self.embedding = None
        if categorical:
            self.embedding = JointEmbedding(
                sizes=categorical, dim=embedding_dim, units=0, dtype=self.dtype_policy, name="embedding"
            )

    def build(self, input_shape: Shapes) -> None:
        """Create the embeddings' table."""
        if self.embedding is not None:
            self.embedding.build((None, len(self.categorical)))

    def call(self, features: Mapping[str, Any]) -> Any:
        """Features by name to ``[batch, width]``."""
        parts = [features[name] for name in self.numeric]
        if self.embedding is not None:
            embedded, _ = self.embedding(ops.concatenate([features[name] for name in self.categorical], axis=1))
            parts.append(embedded)
        parts += [ops.reshape(features[name], (-1, math.prod(shape))) for name, shape in self.images.items()]
        return ops.concatenate([ops.cast(part, self.compute_dtype) for part in parts], axis=1)

    def compute_output_shape(self, input_shape: Shapes) -> tuple[int | None, int]:
        """The shape of `call`'s result."""
        width = len(self.numeric) + len(self.categorical) * self.embedding_dim
        return (None, width + sum(math.prod(shape) for shape in self.images.values()))

    def get_config(self) -> dict[str, Any]:
        """The configuration with which a saved model rebuilds the layer."""
        own = {
            "numeric": self.numeric,
            "categorical": dict(self.categorical),
            "images": dict(self.images),
            "embedding_dim": self.embedding_dim,
        }
        return {**super().get_config(), **own}


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
        A model from a dict of ``[batch, 1]`` features (float32 numeric, int64 ids) and pictures to logits
        ``[batch, units]``.

    Raises:
        ValueError: there are no features.
    """
    if not (features.numeric or features.categorical or features.images):
        raise ValueError("dnn needs at least one feature; name some under features.")
    layers: list[keras.layers.Layer] = [
        FeatureVector(
            numeric=features.numeric,
            categorical=features.categorical,
            images=features.images,
            embedding_dim=embedding_dim,
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
