"""``image``: a picture, scaled to ``[0, 1]``; a missing one is all zeros."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from trainer.features.feature import Feature
from trainer.options import Strict

if TYPE_CHECKING:
    import tensorflow as tf
    import tensorflow_transform as tft

    from trainer.features.tensors import Raw


# The types in a schema that a column may have.
SCHEMA_TYPES = ("BYTES", "INT", "FLOAT")


class Image(Strict):
    """A picture: encoded bytes (PNG, JPEG, BMP, GIF) or a list of ``height * width * channels`` numbers.

    Attributes:
        height: int, pixels; encoded pictures of another size are resized.
        width: int, pixels.
        channels: 1 (grey) or 3 (red, green, blue).
        scale: the divisor of a pixel value; a model sees values from 0 to 1.
    """

    height: int = Field(gt=0)
    width: int = Field(gt=0)
    channels: Literal[1, 3] = 1
    scale: float = Field(default=255.0, gt=0)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        return self.height, self.width, self.channels


# The options by column.
Images = Mapping[str, Image]


def transformed_name(name: str) -> str:
    """The name of the transformed feature."""
    return f"{name}_image"


def transform(raw: Raw, picture: Image, *, name: str) -> tf.Tensor:
    """The pixels, float32 ``[batch, height, width, channels]``."""
    from trainer.features.pixels import pixels

    return pixels(raw, shape=picture.shape, scale=picture.scale, name=name)


def feature(name: str, picture: Image, output: tft.TFTransformOutput) -> Feature:
    """What the network reads."""
    del output
    return Feature(name=transformed_name(name), shape=picture.shape)
