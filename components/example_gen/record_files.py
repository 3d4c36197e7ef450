"""TFRecord files of tf.Examples, read in small batches."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.example import example_pb2

from components.refusal import GateRefused

# Few: an example may be an image.
_EXAMPLES = 64


def examples(path: str) -> Iterator[list[bytes]]:
    """Serialized tf.Examples in order, with the features of each in a fixed order: their hash decides the split.

    Args:
        path: path of the file; one that ends in ``.gz`` is decompressed.

    Raises:
        GateRefused: the file is truncated or damaged, or a record is not a tf.Example.
    """
    compression = "GZIP" if path.endswith(".gz") else ""
    parse = example_pb2.Example.FromString
    count = 0
    try:
        for batch in tf.data.TFRecordDataset(path, compression).batch(_EXAMPLES).as_numpy_iterator():
            yield [parse(record).SerializeToString(deterministic=True) for record in batch]
            count += len(batch)
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
        reason = " ".join(error.message.split())[:200]
        raise GateRefused(f"{path} is damaged after the first {count} examples ({reason}); write it again.") from error
    except DecodeError:
        raise GateRefused(f"{path}: a record after the first {count} is not a tf.Example.") from None
