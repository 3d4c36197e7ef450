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
