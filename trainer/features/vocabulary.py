"""``vocabulary``: a value, looked up in a vocabulary learnt from the data; missing and unseen have ids of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field

from trainer.features.feature import Feature
from trainer.options import Strict

if TYPE_CHECKING:
    import tensorflow as tf
    import tensorflow_transform as tft

    from trainer.features.tensors import Raw


# The types in a schema that a column may have.
SCHEMA_TYPES = ("BYTES", "INT")


class Vocabulary(Strict):
    """How much of a vocabulary is kept.

    Attributes:
        top_k: int, the most frequent values that have ids of their own.
        oov_buckets: int, ids that all other values share.
    """

    top_k: int = Field(default=1000, gt=0)
    oov_buckets: int = Field(default=1, gt=0)


# The options by column.
VocabularyColumns = Mapping[str, Vocabulary]


def transformed_name(name: str) -> str:
    """The name of the transformed feature."""
    return f"{name}_token"


def transform(raw: Raw, options: Vocabulary, *, name: str) -> tf.Tensor:
    """The value's id, int64 ``[batch, 1]``."""
    import tensorflow_transform as tft

    from trainer.features import tensors

    ids = tft.compute_and_apply_vocabulary(
        raw, top_k=options.top_k, num_oov_buckets=options.oov_buckets, vocab_filename=name
    )
    return tensors.dense_ids(ids)


def feature(name: str, options: Vocabulary, output: tft.TFTransformOutput) -> Feature:
    """What the network reads."""
    ids = output.vocabulary_size_by_name(name) + options.oov_buckets + 1
    return Feature(name=transformed_name(name), ids=ids, vocabulary=name)
