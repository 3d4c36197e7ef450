"""The requests of one window as statistics, and what in them the training data never had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tensorflow_data_validation import StatsOptions
from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from components.gates.data.label_check import NUMERIC, Statistics
from trainer.options import Strict

_TYPES = {
    Statistics.INT: schema_pb2.INT,
    Statistics.FLOAT: schema_pb2.FLOAT,
    Statistics.STRING: schema_pb2.BYTES,
    Statistics.BYTES: schema_pb2.BYTES,
}
_KINDS = {"int64_list": schema_pb2.INT, "float_list": schema_pb2.FLOAT, "bytes_list": schema_pb2.BYTES}


class Scan(Strict):
    """What the statistics of requests do not say.

    Attributes:
        unseen: by column, the share of its values that training never saw.
        unknown: by column that the data do not have, the rows that hold it.
        strangers: rows that hold any of those.
        mistyped: rows with a value of another type than the data's; they are in no statistics.
    """

    unseen: Mapping[str, float] = {}
    unknown: Mapping[str, int] = {}
    strangers: int = 0
    mistyped: int = 0


def scan(
    examples: Sequence[bytes], trained: Mapping[str, Statistics], *, columns: Sequence[str], keys: Sequence[str]
) -> tuple[statistics_pb2.DatasetFeatureStatistics, Scan]:
    """Look at all rows of a window.

    Args:
        examples: serialized tf.Examples, at least one.
        trained: the statistics of the training data by column.
        columns: those that the model reads.
        keys: columns that are known without being data.
    """
    schema = _schema(trained)
    types = {feature.name: feature.type for feature in schema.feature}
    unknown: Counter[str] = Counter()
    strangers, sound = 0, []
    for example in examples:
        kinds = _kinds(example)
        new = [name for name in kinds if name not in types and name not in keys]
        unknown.update(new)
        strangers += bool(new)
        if all(name not in types or types[name] == kind for name, kind in kinds.items()):
            sound.append(example)
    batch = ExamplesToRecordBatchDecoder(schema.SerializeToString()).DecodeBatch(sound)
    [found] = generate_statistics_in_memory(batch, StatsOptions()).datasets
    unseen = {
        name: share
        for name in columns
        if name in batch.schema.names
        if (share := _unseen(batch.column(batch.schema.names.index(name)), trained[name])) is not None
    }
    about = Scan(unseen=unseen, unknown=dict(unknown), strangers=strangers, mistyped=len(examples) - len(sound))
    return found, about


def of_predictions(predictions: np.ndarray, names: Sequence[str]) -> Statistics:
    """The statistics of predictions: of their numbers, or where there are several of the class that is likeliest.

    Args:
        predictions: float `[rows, outputs]`.
        names: of the classes.
    """
    if predictions.shape[1] == 1:
        values = pa.array(predictions.astype(np.float32).tolist(), pa.large_list(pa.float32()))
    else:
        # Answers of another model may have other classes.
        classes = [*names, *map(str, range(len(names), predictions.shape[1]))]
        likeliest = [[classes[index].encode()] for index in predictions.argmax(axis=1).tolist()]
        values = pa.array(likeliest, pa.large_list(pa.large_binary()))
    batch = pa.record_batch({"prediction": values})
    [dataset] = generate_statistics_in_memory(batch, StatsOptions()).datasets
    return dataset.features[0]


def _schema(trained: Mapping[str, Statistics]) -> schema_pb2.Schema:
    """The data's columns with their types."""
    features = [
        schema_pb2.Feature(name=name, type=_TYPES[feature.type])
        for name, feature in trained.items()
        if feature.type in _TYPES
    ]
    return schema_pb2.Schema(feature=features)


def _kinds(example: bytes) -> dict[str, int]:
    """The type of each feature that has values."""
    found = {}
    for name, feature in tf.train.Example.FromString(example).features.feature.items():
        kind = feature.WhichOneof("kind")
        if kind and getattr(feature, kind).value:
            found[name] = _KINDS[kind]
    return found


def _unseen(column: pa.Array, before: Statistics) -> float | None:
    """The share of a column's values that training never saw; None if it has none, or training's are not all known."""
    values = column.flatten()
    if pa.types.is_null(column.type) or not len(values):
        return None
    if before.type in NUMERIC:
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
        return float(((numbers < before.num_stats.min) | (numbers > before.num_stats.max)).mean())
    listed = before.string_stats.rank_histogram.buckets
    if len(listed) < before.string_stats.unique:
        return None
    known = {bucket.label.encode() for bucket in listed}
    return sum(value not in known for value in values.to_pylist()) / len(values)
