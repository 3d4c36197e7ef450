"""Reads the label from examples, for what their statistics do not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

from trainer.data import specs
from trainer.labels.config import Above, Label
from trainer.labels.transform import label_of

_Statistics = statistics_pb2.FeatureNameStatistics
_DTYPES = {_Statistics.INT: tf.int64, _Statistics.FLOAT: tf.float32}
_ROWS = 8192


@dataclass(kw_only=True)
class Found:
    """What the labels of a split are.

    Attributes:
        rows: int, rows that were read: all, or for a comparison as many as it takes to find both outcomes.
        classes: ids of the classes that occur.
        unknown: the first value that is no class's, as text; None if there is none.
    """

    rows: int = 0
    classes: set[float] = field(default_factory=set)
    unknown: str | None = None


def scan(folder: str, *, label: Label, features: Mapping[str, _Statistics]) -> Found:
    """Read the label of a split as preprocessing makes it.

    Args:
        folder: the split's gzipped TFRecord files.
        label: a label with classes.
        features: statistics by raw feature, for their types.
    """
    spec = {name: tf.io.VarLenFeature(_DTYPES.get(features[name].type, tf.string)) for name in label.columns}

    @tf.function(autograph=False)
    def read(records: tf.Tensor) -> tuple[tf.Tensor, tf.SparseTensor]:
        raw = specs.parse(records, spec)
        return label_of(label, raw)[:, 0], raw[label.column]

    found = Found()
    files = sorted(tf.io.gfile.glob(f"{folder}/*"))
    for records in tf.data.TFRecordDataset(files, compression_type="GZIP").batch(_ROWS):
        labels, raw = read(records)
        labels = labels.numpy()
        known = np.isfinite(labels) & (labels >= 0)
        found.rows += len(labels)
        found.classes.update(np.unique(labels[known]).tolist())
        if not known.all():
            # Each row has a value, so the row's number is the value's.
            value = raw.values.numpy()[np.argmin(known)]
            found.unknown = repr(value.decode(errors="replace")) if isinstance(value, bytes) else f"{value:g}"
            return found
        if len(found.classes) > 1 and isinstance(label.above, Above):
            return found
    return found
