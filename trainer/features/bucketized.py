"""``bucketized``: a number, cut at quantiles into buckets; missing is a bucket of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from trainer.features.feature import Feature, Size

if TYPE_CHECKING:
    import tensorflow as tf
    import tensorflow_transform as tft

    from trainer.features.tensors import Raw

# The types in a schema that a column may have.
SCHEMA_TYPES = ("INT", "FLOAT")
# The number of buckets by column.
Bucketized = Mapping[str, Size]


def transformed_name(name: str) -> str:
    """The name of the transformed feature."""
    return f"{name}_bucket"


def transform(raw: Raw, buckets: int, *, name: str) -> tf.Tensor:
    """The bucket's id, int64 ``[batch, 1]``."""
    import tensorflow as tf
    import tensorflow_transform as tft

    from trainer.features import tensors

    return tensors.dense_ids(tft.bucketize(tensors.cast(raw, tf.float32), buckets, name=name))


def feature(name: str, buckets: int, output: tft.TFTransformOutput) -> Feature:
    """What the network reads."""
    del output
    return Feature(name=transformed_name(name), ids=buckets + 1)
