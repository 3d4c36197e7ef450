"""TFRecord shards of examples, named as Beam names them."""

from __future__ import annotations

from collections.abc import Iterable

import tensorflow as tf
from tfx.dsl.io import fileio

# Before compression. Later nodes read the shards in parallel, each as a whole.
SHARD_BYTES = 128 * 2**20
# Level 1 takes half the time of the default; the files are a fifth larger.
_OPTIONS = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)


def read_records(folder: str, *, limit: int = -1) -> list[bytes]:
    """The serialized tf.Examples of a split's gzipped TFRecord files, in order.

    Args:
        folder: the split's folder.
        limit: how many to read at most; -1 for all.
    """
    files = sorted(tf.io.gfile.glob(f"{folder}/*"))
    dataset = tf.data.TFRecordDataset(files, compression_type="GZIP").take(limit)
    return [bytes(record) for record in dataset.as_numpy_iterator()]


class ShardWriter:
    """Writes the examples of one split; a context manager.

    A shard's name ends with the number of shards, so the shards get their names once all are written.

    Args:
        folder: folder of the split; it is created.
        shard_bytes: bytes of examples after which a new shard begins.
    """

    _writer: tf.io.TFRecordWriter

    def __init__(self, folder: str, *, shard_bytes: int = SHARD_BYTES):
        self._folder, self._limit = folder, shard_bytes
        self._written: list[str] = []
        self._size = 0

    def __enter__(self) -> ShardWriter:
        fileio.makedirs(self._folder)
        self._next_shard()
        return self

    def write(self, examples: Iterable[bytes]) -> None:
        """Append serialized examples."""
        for example in examples:
            if self._size >= self._limit:
                self._writer.close()
                self._next_shard()
            self._writer.write(example)
            self._size += len(example)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._writer.close()
        if error is None:
            for index, path in enumerate(self._written):
                name = f"data_tfrecord-{index:05d}-of-{len(self._written):05d}.gz"
                fileio.rename(path, f"{self._folder}/{name}")

    def _next_shard(self) -> None:
        path = f"{self._folder}/unfinished-{len(self._written):05d}.gz"
        self._writer = tf.io.TFRecordWriter(path, options=_OPTIONS)
        self._written.append(path)
        self._size = 0
