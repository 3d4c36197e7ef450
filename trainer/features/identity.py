"""``identity``: an integer in ``[0, n)``, used as it is; missing has an id of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from trainer.features.feature import Feature, Size

if TYPE_CHECKING:
    import tensorflow as tf
    import tensorflow_transform as tft

    from trainer.features.tensors import Raw

# The types in a schema that a column may have.
SCHEMA_TYPES = ("INT",)
# The number n of ids by column.
Identity = Mapping[str, Size]


def transformed_name(name: str) -> str:
    """The name of the transformed feature."""
    return f"{name}_identity"


def transform(raw: Raw, count: int, *, name: str) -> tf.Tensor:
    """The id, int64 ``[batch, 1]``; a value out of range becomes the nearest in range."""
    import tensorflow as tf

    from trainer.features import tensors

    del name
    return tensors.dense_ids(tensors.map_values(raw, lambda values: tf.clip_by_value(values, 0, count - 1)))


def feature(name: str, count: int, output: tft.TFTransformOutput) -> Feature:
    """What the network reads."""
    del output
    return Feature(name=transformed_name(name), ids=count + 1)
