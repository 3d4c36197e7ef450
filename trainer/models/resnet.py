"""A small residual network for one picture (He et al. 2016, arXiv:1603.05027), in Keras 3's functional style.

Its normalisation is by groups of channels (Wu and He 2018, arXiv:1803.08494), each picture by itself: neither the batch
size, nor the number of replicas, nor the padding of an epoch's last batch changes what is learnt.
"""

from __future__ import annotations

from typing import Annotated, Any

import keras
from pydantic import Field, PositiveInt

from trainer.features.transformed import TransformedFeatures
from trainer.models.inputs import picture_input
from trainer.models.layers.dropout import HashDropout

# Each group has this many channels.
_CHANNELS_PER_GROUP = 8


def build(
    *,
    features: TransformedFeatures,
    units: int,
    filters: Annotated[tuple[Annotated[int, Field(gt=0, multiple_of=8)], ...], Field(min_length=1, max_length=6)] = (
        16,
        32,
        64,
    ),
    blocks: PositiveInt = 1,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
) -> keras.Model:
    """Build the network.

    Args:
        features: one picture.
        units: int, width of the logits.
        filters: channels of the stages, multiples of 8; each stage after the first halves the picture.
        blocks: int, residual blocks of each stage, of two convolutions each.
        dropout: share of the averaged values that a training step drops, in [0, 1).

    Returns:
        A model from a dict with the picture, float32 ``[batch, height, width, channels]``, to logits
        ``[batch, units]``.

    Raises:
        ValueError: the features are not exactly one picture, or it is too small.
    """
    name, picture = picture_input(features, network="resnet", side=2 ** (len(filters) - 1))
    # Around 0.
    hidden = keras.layers.Rescaling(2.0, -1.0, name="centred")(picture)
    hidden = _convolution(filters[0], name="stem")(hidden)
    for stage, width in enumerate(filters):
        for block in range(blocks):
            halves = stage > 0 and block == 0
            hidden = _residual(hidden, width, stride=2 if halves else 1, name=f"stage_{stage}_{block}")
    hidden = keras.layers.Activation("relu")(_normalised(hidden, name="last"))
    hidden = keras.layers.GlobalAveragePooling2D(name="average")(hidden)
    hidden = HashDropout(dropout, name="dropout")(hidden)
    return keras.Model({name: picture}, keras.layers.Dense(units, name="logits")(hidden), name="resnet")


def _residual(inputs: Any, width: int, *, stride: int, name: str) -> Any:
    """``[batch, height, width, channels]`` to ``[batch, height / stride, width / stride, width]``."""
    hidden = keras.layers.Activation("relu")(_normalised(inputs, name=f"{name}_first"))
    shortcut = inputs
    if stride > 1 or inputs.shape[-1] != width:
        shortcut = keras.layers.AveragePooling2D(stride, padding="same")(hidden) if stride > 1 else hidden
        shortcut = keras.layers.Conv2D(width, 1, use_bias=False, name=f"{name}_shortcut")(shortcut)
    hidden = _convolution(width, stride=stride, name=f"{name}_convolution_1")(hidden)
    hidden = keras.layers.Activation("relu")(_normalised(hidden, name=f"{name}_second"))
    return keras.layers.Add()([shortcut, _convolution(width, name=f"{name}_convolution_2")(hidden)])


def _convolution(width: int, *, name: str, stride: int = 1) -> keras.layers.Layer:
    return keras.layers.Conv2D(
        width, 3, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )


def _normalised(inputs: Any, *, name: str) -> Any:
    groups = inputs.shape[-1] // _CHANNELS_PER_GROUP
    return keras.layers.GroupNormalization(groups, name=f"{name}_norm")(inputs)
