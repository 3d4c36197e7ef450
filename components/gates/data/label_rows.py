"""Reads the label from examples, for what their statistics do not say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

from trainer.data import specs
from trainer.labels.config import Label
from trainer.labels.transform import label_of

_Statistics = statistics_pb2.FeatureNameStatistics
_DTYPES = {_Statistics.INT: tf.int64, _Statistics.FLOAT: tf.float32}
_ROWS = 8192


@dataclass(kw_only=True)
class LabelCounts:
    """What the labels of a split are.

    Attributes:
        rows: int, rows that were read.
        classes: rows by the id of their class.
        unknown: the first value that is no class's, as text; None if there is none.
    """

    rows: int = 0
    classes: Counter[int] = field(default_factory=Counter)
    unknown: str | None = None


def split_records(examples: str) -> Callable[[str], tf.data.Dataset]:
    """The serialized examples of a split, given the folder of an Examples artifact."""

    def of_split(split: str) -> tf.data.Dataset:
        files = sorted(tf.io.gfile.glob(f"{examples}/Split-{split}/*"))
        return tf.data.TFRecordDataset(files, compression_type="GZIP")

    return of_split


class LabelRows:
    """Reads the label of each split once, as preprocessing makes it.

    Args:
        records: the serialized examples of a split.
        label: a label with classes.
    """

    def __init__(self, records: Callable[[str], tf.data.Dataset], label: Label):
        self._records, self._label = records, label
        self._found: dict[str, LabelCounts] = {}

    def of(self, split: str, features: Mapping[str, _Statistics]) -> LabelCounts:
        """What the labels of a split are; a value that is no class's ends the reading.

        Args:
            split: the split's name.
            features: statistics by raw feature, for their types.
        """
        if split not in self._found:
            self._found[split] = _scan(self._records(split), label=self._label, features=features)
        return self._found[split]


def labelled(
    examples: tf.data.Dataset, *, label: Label, features: Mapping[str, _Statistics]
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Serialized examples, some thousand at a time, with their labels as preprocessing makes them.

    Args:
        examples: serialized tf.Examples.
        label: each row has at most one.
        features: statistics by raw feature, for their types.

    Yields:
        The examples, bytes ``[rows]``; their labels, float64 ``[rows]`` and NaN where they are missing or have no
        meaning; and the values of the label's column, one for each row that has one.
    """
    spec = {name: tf.io.VarLenFeature(_DTYPES.get(features[name].type, tf.string)) for name in label.columns}

    @tf.function(autograph=False)
    def read(records: tf.Tensor) -> tuple[tf.Tensor, tf.SparseTensor]:
        raw = specs.parse(records, spec)
        return label_of(label, raw)[:, 0], raw[label.column]

    for records in examples.batch(_ROWS):
        labels, raw = read(records)
        found = labels.numpy().astype(np.float64)
        meaningless = found < 0 if label.task != "regression" else np.zeros(len(found), bool)
        yield records.numpy(), np.where(meaningless, np.nan, found), raw.values.numpy()


def _scan(examples: tf.data.Dataset, *, label: Label, features: Mapping[str, _Statistics]) -> LabelCounts:
    found = LabelCounts()
    for _, labels, values in labelled(examples, label=label, features=features):
        known = np.isfinite(labels)
        found.rows += len(labels)
        ids, counts = np.unique(labels[known], return_counts=True)
        found.classes.update(dict(zip(ids.astype(int).tolist(), counts.tolist(), strict=True)))
        if not known.all():
            # Each row has a value, so the row's number is the value's.
            value = values[np.argmin(known)]
            found.unknown = repr(value.decode(errors="replace")) if isinstance(value, bytes) else f"{value:g}"
            return found
    return found
