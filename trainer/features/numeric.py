"""``numeric``: a number, scaled to mean 0 and variance 1; a missing value becomes the mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trainer.features.feature import Feature

if TYPE_CHECKING:
    import tensorflow as tf
    import tensorflow_transform as tft

    from trainer.features.tensors import Raw

# The types in a schema that a column may have.
SCHEMA_TYPES = ("INT", "FLOAT")
# The columns.
Numeric = tuple[str, ...]


def transformed_name(name: str) -> str:
    """The name of the transformed feature."""
    return f"{name}_scaled"


def transform(raw: Raw, options: None, *, name: str) -> tf.Tensor:
    """The scaled number, float32 ``[batch, 1]``."""
    import tensorflow as tf
    import tensorflow_transform as tft

    from trainer.features import tensors

    del options, name
    return tensors.dense(tft.scale_to_z_score(tensors.cast(raw, tf.float32)), default=0.0)


def feature(name: str, options: None, output: tft.TFTransformOutput) -> Feature:
    """What the network reads."""
    del options, output
    return Feature(name=transformed_name(name))
