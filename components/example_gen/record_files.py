"""TFRecord files of tf.Examples, read in small batches."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from tensorflow.core.example import example_pb2

from components.example_gen.reading import Reading
from components.example_gen.record_checks import FeatureChecks
from components.refusal import GateRefused

# Few: an example may be an image.
_EXAMPLES = 64
# The field of a tf.SequenceExample that a tf.Example lacks.
_FEATURE_LISTS = 2


class Records:
    """Reads the files of one data set, whose features have one type in all of them.

    Args:
        reading: what the features are used for.
    """

    def __init__(self, reading: Reading):
        self._checks = FeatureChecks(reading)

    def examples(self, path: str) -> Iterator[list[bytes]]:
        """Serialized tf.Examples in order, with the features of each in a fixed order: their hash decides the split.

        NaN is left out, as a missing value.

        Args:
            path: path of the file; one that ends in ``.gz`` is decompressed.

        Raises:
            GateRefused: the file is truncated or damaged, a record is not a tf.Example, or a feature cannot be used.
        """
        count = 0
        try:
            for batch in _dataset(path).batch(_EXAMPLES).as_numpy_iterator():
                examples = [_parsed(record, path, count + index) for index, record in enumerate(batch)]
                self._checks.check(list(batch), examples, path, count)
                yield [example.SerializeToString(deterministic=True) for example in examples]
                count += len(batch)
        except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
            whole = _whole_records(path)
            raise GateRefused(
                f"{path} is cut off or damaged: its first {whole:,} records are whole, the next is not; write it again."
            ) from error


def _dataset(path: str) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(path, "GZIP" if path.endswith(".gz") else "")


def _parsed(record: bytes, path: str, before: int) -> example_pb2.Example:
    try:
        example = example_pb2.Example.FromString(record)
    except DecodeError:
        raise GateRefused(f"{path}, record {before + 1:,}: it is not a tf.Example.") from None
    if any(field.field_number == _FEATURE_LISTS for field in UnknownFieldSet(example)):
        raise GateRefused(
            f"{path}, record {before + 1:,}: it is a tf.SequenceExample; write its lists as features of tf.Examples."
        )
    return example


def _whole_records(path: str) -> int:
    whole = 0
    try:
        for _ in _dataset(path).as_numpy_iterator():
            whole += 1
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError):
        pass
    return whole
