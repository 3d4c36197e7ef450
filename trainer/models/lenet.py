"""A convolutional network after LeNet-5 (LeCun et al. 1998, doi:10.1109/5.726791) in Keras 3's subclassing style."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import keras
from pydantic import Field, PositiveInt

from trainer.features.transformed import TransformedFeatures
from trainer.models.inputs import one_picture
from trainer.models.layers.dropout import HashDropout

# Keras does not annotate what its operations return.
ops: Any = keras.ops

# Three blocks halve a picture three times.
_MIN_SIDE = 8


@keras.saving.register_keras_serializable(package="trainer")
class Subsampling(keras.layers.Layer):
    """LeNet-5's pooling: one value of each 2 x 2 square, times a learnt factor per channel, plus a learnt bias.

    Args:
        pooling: ``mean`` as in 1998, or ``max``, which preserves the strokes of small pictures.
    """

    def __init__(self, *, pooling: str, **options: Any):
        super().__init__(**options)
        self.pooling = pooling

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create factor and bias, float32 ``[channels]``."""
        self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")
        self.bias = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="bias")

    def call(self, pictures: Any) -> Any:
        """``[batch, height, width, channels]`` to half the height and width."""
        pool = ops.max_pool if self.pooling == "max" else ops.average_pool
        return pool(pictures, pool_size=2, strides=2, padding="valid") * self.factor + self.bias

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of `call`'s result."""
        batch, height, width, channels = input_shape
        return (batch, height and height // 2, width and width // 2, channels)

    def get_config(self) -> dict[str, Any]:
        """The configuration with which a saved model rebuilds the layer."""
        return {**super().get_config(), "pooling": self.pooling}


@keras.saving.register_keras_serializable(package="trainer")
class LeNet(keras.Model):
    """Blocks of convolution and `Subsampling`, then dense layers.

    Args:
        image: name of the picture among the inputs.
        image_shape: height, width and channels.
        units: int, width of the logits.
        filters: channels of the convolutions, one block each.
        kernel_size: int, side of the convolutions' kernels in pixels.
        pooling: ``max`` or ``mean``.
        hidden_units: widths of the dense layers.
        activation: activation of convolutions and dense layers.
        dropout: share of hidden values that a training step drops, in [0, 1).
    """

    def __init__(
        self,
        *,
        image: str,
        image_shape: Sequence[int],
        units: int,
        filters: Sequence[int],
        kernel_size: int,
        pooling: str,
        hidden_units: Sequence[int],
        activation: str,
        dropout: float,
        **options: Any,
    ):
        super().__init__(**options)
        self.settings = {
            "image": image,
            "image_shape": tuple(image_shape),
            "units": units,
            "filters": tuple(filters),
            "kernel_size": kernel_size,
            "pooling": pooling,
            "hidden_units": tuple(hidden_units),
            "activation": activation,
            "dropout": dropout,
        }
        self.image = image
        self.stack: list[keras.layers.Layer] = []
        for index, channels in enumerate(filters):
            self.stack += [
                keras.layers.Conv2D(
                    channels, kernel_size, padding="same", activation=activation, name=f"convolution_{index}"
                ),
                Subsampling(pooling=pooling, name=f"subsampling_{index}"),
            ]
        self.stack.append(keras.layers.Flatten(name="flatten"))
        for index, width in enumerate(hidden_units):
            self.stack.append(keras.layers.Dense(width, activation=activation, name=f"hidden_{index}"))
            self.stack.append(HashDropout(dropout, name=f"dropout_{index}"))
        self.stack.append(keras.layers.Dense(units, name="logits"))

    def build(self, input_shape: Mapping[str, tuple[int | None, ...]]) -> None:
        """Create all weights."""
        shape = input_shape[self.image]
        for layer in self.stack:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, features: Mapping[str, Any], training: bool | None = None) -> Any:
        """Features by name to logits ``[batch, units]``."""
        hidden = features[self.image]
        for layer in self.stack:
            # Only dropout behaves differently in training.
            hidden = layer(hidden, training=training) if isinstance(layer, HashDropout) else layer(hidden)
        return hidden

    def get_config(self) -> dict[str, Any]:
        """The configuration with which a saved model rebuilds the network."""
        return {**super().get_config(), **self.settings}


def build(
    *,
    features: TransformedFeatures,
    units: int,
    filters: Annotated[tuple[PositiveInt, ...], Field(min_length=1, max_length=3)] = (6, 16),
    kernel_size: Annotated[int, Field(gt=0, le=11)] = 5,
    pooling: Literal["max", "mean"] = "max",
    hidden_units: tuple[PositiveInt, ...] = (120, 84),
    activation: Literal["relu", "tanh"] = "relu",
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
) -> keras.Model:
    """Build the network.

    Args:
        features: one picture of at least 8 x 8 pixels.
        units: int, width of the logits.
        filters: channels of the convolutions, each of which is followed by pooling.
        kernel_size: int, side of the convolutions' kernels in pixels.
        pooling: ``max`` or ``mean`` of each 2 x 2 square, which halves the picture.
        hidden_units: widths of the dense layers.
        activation: activation of convolutions and dense layers.
        dropout: share of hidden values that a training step drops, in [0, 1).

    Returns:
        A model from a dict with the picture, float32 ``[batch, height, width, channels]``, to logits
        ``[batch, units]``.

    Raises:
        ValueError: the features are not exactly one picture, or it is too small.
    """
    image, shape = one_picture(features, network="lenet", side=_MIN_SIDE)
    model = LeNet(
        image=image,
        image_shape=shape,
        units=units,
        filters=filters,
        kernel_size=kernel_size,
        pooling=pooling,
        hidden_units=hidden_units,
        activation=activation,
        dropout=dropout,
        name="lenet",
    )
    model.build({image: (None, *shape)})
    return model
