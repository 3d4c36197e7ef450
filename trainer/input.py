"""Transformed examples as batches: decoded once into columns, then gathered by a seeded permutation.

Decoding dominates a step when it is repeated every epoch (tfx_bsl's dataset spends four fifths of a taxi
step there), so every column is parsed once, in large blocks, and kept as one tensor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from trainer.features import LABEL_KEY

Batch = tuple[dict[str, tf.Tensor], tf.Tensor]
_ROWS_PER_PARSE = 8192


@dataclass(frozen=True, kw_only=True)
class Columns:
    """A split in memory.

    Attributes:
        features: ``[rows, 1]`` tensors by transformed name.
        label: float32, ``[rows, 1]``.
        rows: the number of rows.
    """

    features: Mapping[str, tf.Tensor]
    label: tf.Tensor
    rows: int


def read_columns(files: Sequence[str], feature_spec: Mapping[str, tf.io.FixedLenFeature]) -> Columns:
    """Decode gzipped TFRecord files of transformed tf.Examples.

    Args:
        files: paths or patterns, as TFX hands them to the trainer.
        feature_spec: of the transformed features, the label included.

    Raises:
        ValueError: no file matches, or the files hold no example.
    """
    paths = sorted(path for pattern in files for path in tf.io.gfile.glob(pattern))
    if not paths:
        raise ValueError(f"no transformed examples at {list(files)}: run the Transform node first.")
    records = tf.data.TFRecordDataset(paths, compression_type="GZIP").batch(_ROWS_PER_PARSE)
    with tf.device("/cpu:0"):
        blocks = list(records.map(lambda batch: tf.io.parse_example(batch, dict(feature_spec))))
        if not blocks:
            raise ValueError(f"the transformed examples at {list(files)} are empty.")
        columns = {name: tf.concat([block[name] for block in blocks], axis=0) for name in feature_spec}
    label = columns.pop(LABEL_KEY)
    return Columns(features=columns, label=label, rows=int(label.shape[0]))


def train_batches(columns: Columns, *, batch_size: int, seed: int) -> tf.data.Dataset:
    """An endless dataset of batches; each epoch visits every row once, in an order fixed by ``seed`` and the epoch.

    The last batch of an epoch is smaller where the rows do not divide evenly.

    Args:
        columns: the split.
        batch_size: rows per batch, over all replicas.
        seed: of the permutations.
    """
    steps = steps_per_epoch(columns, batch_size=batch_size)

    def epoch_batches(epoch: tf.Tensor) -> tf.data.Dataset:
        indices = tf.random.experimental.index_shuffle(
            tf.range(columns.rows), seed=tf.stack([seed, tf.cast(epoch, tf.int32)]), max_index=columns.rows - 1
        )
        return tf.data.Dataset.range(steps).map(lambda step: _gather(columns, indices, step, batch_size))

    return tf.data.Dataset.range(2**31).flat_map(epoch_batches).prefetch(tf.data.AUTOTUNE)


def eval_batches(columns: Columns, *, batch_size: int) -> tf.data.Dataset:
    """Every row once, in file order."""
    indices = tf.range(columns.rows)
    steps = steps_per_epoch(columns, batch_size=batch_size)
    return tf.data.Dataset.range(steps).map(lambda step: _gather(columns, indices, step, batch_size))


def steps_per_epoch(columns: Columns, *, batch_size: int) -> int:
    """Batches per epoch, the last partial one included."""
    return -(-columns.rows // batch_size)


def _gather(columns: Columns, indices: tf.Tensor, step: tf.Tensor, batch_size: int) -> Batch:
    start = tf.cast(step, tf.int32) * batch_size
    chosen = indices[start : tf.minimum(start + batch_size, columns.rows)]
    return {name: tf.gather(column, chosen) for name, column in columns.features.items()}, tf.gather(
        columns.label, chosen
    )
