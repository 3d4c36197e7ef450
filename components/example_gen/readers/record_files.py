"""TFRecord files of tf.Examples, read in small batches."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

import tensorflow as tf
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet
from tensorflow.core.example import example_pb2

from components.example_gen.readers import file_formats
from components.example_gen.readers.record_checks import FeatureChecks
from components.example_gen.readers.table_files import open_file
from components.example_gen.reading import Reading
from components.refusal import GateRefused

# Few: an example may be an image.
_EXAMPLES = 64
_CHUNK = 2**20
# Bytes around each record: its length, and two checksums.
_FRAME = 16
# The field of a tf.SequenceExample that a tf.Example lacks.
_FEATURE_LISTS = 2


class RecordReader:
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
        for batch in records(path):
            examples = [_parsed(record, path, count + index) for index, record in enumerate(batch)]
            self._checks.check(batch, examples, path, count)
            yield [example.SerializeToString(deterministic=True) for example in examples]
            count += len(batch)


def records(path: str) -> Iterator[list[bytes]]:
    """The records of a file in order, some at a time, whatever they hold.

    Args:
        path: path of the file; one that ends in ``.gz`` is decompressed.

    Raises:
        GateRefused: the file is truncated or damaged.
    """
    count = size = 0
    try:
        for batch in _dataset(path).batch(_EXAMPLES).as_numpy_iterator():
            yield list(batch)
            count += len(batch)
            size += sum(map(len, batch)) + _FRAME * len(batch)
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
        raise _damaged(path, _whole_records(path)) from error
    if size != _length(path):
        # TensorFlow takes a record whose first 12 bytes are not all there for the end, and a cut in a gzip stream.
        raise _damaged(path, count)


def _damaged(path: str, whole: int) -> GateRefused:
    if other := file_formats.of_another(path, open_file):
        return GateRefused(f"{path} {other}.")
    if not whole:
        return GateRefused(
            f"{path} is no TFRecord file, or is cut off or damaged: its first 0 records are whole; write it again"
            f"{', or without .gz in its name' if path.endswith('.gz') else ''}."
        )
    return GateRefused(
        f"{path} is cut off or damaged: its first {whole:,} records are whole, the next is not; write it again."
    )


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


def _length(path: str) -> int | None:
    """The bytes in a file once it is decompressed; None if it is cut off."""
    if not path.endswith(".gz"):
        return tf.io.gfile.stat(path).length
    try:
        with open_file(path) as stream, gzip.open(stream) as decompressed:
            return sum(map(len, iter(lambda: decompressed.read(_CHUNK), b"")))
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return None


def _whole_records(path: str) -> int:
    whole = 0
    try:
        for _ in _dataset(path).as_numpy_iterator():
            whole += 1
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError):
        pass
    return whole
