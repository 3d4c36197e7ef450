"""The inputs of a network for tables, which has no use for pictures."""

from __future__ import annotations

from typing import Any

import keras

from trainer.features.transformed import TransformedFeatures


def table_inputs(features: TransformedFeatures, *, network: str) -> dict[str, Any]:
    """A Keras input for each transformed feature, float32 or int64 ``[batch, width]``.

    Args:
        features: names and sizes of the transformed features.
        network: the network's name, for the message.

    Raises:
        ValueError: there are pictures, or no features.
    """
    floats = {**features.numbers} | {name: places.width for name, places in features.places.items()}
    integers = {name: ids.width for name, ids in {**features.ids, **features.bags}.items()}
    if features.images or not (floats or integers):
        found = f"the picture {next(iter(features.images))}" if features.images else "no features at all"
        raise ValueError(
            f"{network} reads numbers and ids; there is {found}: drop it or choose another trainer.model.name (lenet "
            "and dnn read pictures)."
        )
    return {
        name: keras.Input((width,), name=name, dtype=dtype)
        for dtype, widths in (("float32", floats), ("int64", integers))
        for name, width in widths.items()
    }


def picture_input(features: TransformedFeatures, *, network: str, side: int) -> tuple[str, Any]:
    """Name and Keras input, float32 ``[batch, height, width, channels]``, of the only feature, a picture.

    Args:
        features: names and sizes of the transformed features.
        network: the network's name, for the message.
        side: int, the least height and width in pixels.

    Raises:
        ValueError: the features are not exactly one picture, or it is too small.
    """
    name, shape = one_picture(features, network=network, side=side)
    return name, keras.Input(shape, name=name, dtype="float32")


def one_picture(features: TransformedFeatures, *, network: str, side: int) -> tuple[str, tuple[int, ...]]:
    """Name and shape of the only feature, a picture; see `picture_input`.

    Raises:
        ValueError: the features are not exactly one picture, or it is too small.
    """
    others = [*features.numbers, *features.places, *features.ids, *features.bags]
    if len(features.images) != 1 or others:
        found = ", ".join([*features.images, *others]) or "nothing"
        raise ValueError(
            f"{network} reads one picture (a feature of kind image) and nothing else; the features are {found}: drop "
            "the others, or choose dnn, which reads all kinds."
        )
    [(name, shape)] = features.images.items()
    if min(shape[:2]) < side:
        raise ValueError(
            f"{network} needs pictures of at least {side} x {side}; {name} is {shape[0]} x {shape[1]}: "
            "enlarge it with height and width, or choose dnn."
        )
    return name, shape
