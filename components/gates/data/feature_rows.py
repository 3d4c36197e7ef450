"""Reads columns from examples, and counts the rows that fail a test."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

from trainer.data import specs
from trainer.features.faults import RowTest

_Statistics = statistics_pb2.FeatureNameStatistics
_DTYPES = {_Statistics.INT: tf.int64, _Statistics.FLOAT: tf.float32}
_ROWS = 8192

Key = TypeVar("Key", bound=Hashable)


@dataclass(kw_only=True)
class Failing:
    """The rows of a split in which a column fails a test.

    Attributes:
        rows: int, how many there are.
        all: int, rows of the split.
        first: the first value that fails; None if there is none.
    """

    rows: int = 0
    all: int = 0
    first: object = None


def count_failing(
    folder: str, *, tests: Mapping[tuple[str, Key], RowTest], features: Mapping[str, _Statistics]
) -> dict[tuple[str, Key], Failing]:
    """Test columns row by row.

    Args:
        folder: the split's gzipped TFRecord files.
        tests: the tests, by column and whatever tells two tests of a column apart.
        features: statistics by raw feature, for their types.
    """
    spec = {name: tf.io.VarLenFeature(_DTYPES.get(features[name].type, tf.string)) for name, _ in tests}
    keys = list(tests)

    @tf.function(autograph=False)
    def failing(records: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
        raw = specs.parse(records, spec)
        places = [tf.where(tests[key].fails(raw[key[0]].values))[:, 0] for key in keys]
        return [
            (tf.gather(raw[key[0]].indices[:, 0], place), tf.gather(raw[key[0]].values, place[:1]))
            for key, place in zip(keys, places, strict=True)
        ]

    found = {key: Failing() for key in keys}
    files = sorted(tf.io.gfile.glob(f"{folder}/*"))
    for records in tf.data.TFRecordDataset(files, compression_type="GZIP").batch(_ROWS):
        for key, (rows, first) in zip(keys, failing(records), strict=True):
            seen = found[key]
            seen.all += len(records.numpy())
            seen.rows += len(np.unique(rows.numpy()))
            if seen.first is None and len(first):
                value = first.numpy()[0]
                seen.first = value.decode(errors="replace") if isinstance(value, bytes) else value.item()
    return found
