"""The files that the answers go to: one for each piece of the input, whole once it has its name."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import BinaryIO

import pyarrow as pa
import tensorflow as tf
from pyarrow import parquet
from tensorflow_serving.apis import prediction_log_pb2

from components.batch.model import Arrays
from components.batch.options import BatchOptions
from components.batch.reading.blocks import BadRow
from components.batch.writing.new_file import NewFile, create
from serving.client.messages import tensors
from serving.client.steps import COLUMNAR

# Of a row group: enough to compress well, few enough to hold in memory.
_ROWS, _BYTES = 64 * 1024, 32 * 2**20


class ParquetShard(NewFile):
    """A Parquet file; its rows are those of a table."""

    _writer: parquet.ParquetWriter | None = None

    def __init__(self, path: str):
        super().__init__(path)
        self._pending: list[pa.RecordBatch] = []
        self._size = 0

    def write(self, columns: Mapping[str, pa.Array], inputs: Arrays, outputs: Arrays) -> None:
        """Append the rows of a block, at least one; only ``columns`` are written."""
        del inputs, outputs
        batch = pa.record_batch(dict(columns))
        self.rows += batch.num_rows
        if self._writer is None:
            self._stream = create(self._made)
            self._writer = parquet.ParquetWriter(self._stream, batch.schema)
        self._pending.append(batch)
        self._size += batch.nbytes
        if self._size >= _BYTES or sum(each.num_rows for each in self._pending) >= _ROWS:
            self._flush()

    def _close(self) -> None:
        self._flush()
        if self._writer:
            self._writer.close()
            self._stream.close()

    def _flush(self) -> None:
        if self._writer and self._pending:
            self._writer.write_table(pa.Table.from_batches(self._pending))
            self._pending, self._size = [], 0


class PredictionLogShard(NewFile):
    """A TFRecord file of PredictionLog, with a request and its answer for each block of rows.

    Args:
        path: path or URI of the file.
        options: what the requests name.
    """

    _writer: tf.io.TFRecordWriter | None = None

    def __init__(self, path: str, options: BatchOptions):
        super().__init__(path)
        self._options = options

    def write(self, columns: Mapping[str, pa.Array], inputs: Arrays, outputs: Arrays) -> None:
        """Append the rows of a block, at least one: what the model was asked, and what it said."""
        del columns
        log = prediction_log_pb2.PredictionLog()
        for spec in (log.predict_log.request.model_spec, log.predict_log.response.model_spec):
            spec.name, spec.signature_name = self._options.model, COLUMNAR
            spec.version.value = self._options.version
        for name, array in inputs.items():
            tensors.fill(log.predict_log.request.inputs[name], array, tensor_content=True)
        for name, array in outputs.items():
            tensors.fill(log.predict_log.response.outputs[name], array, tensor_content=True)
        if self._writer is None:
            self._writer = tf.io.TFRecordWriter(self._made, "GZIP")
        self._writer.write(log.SerializeToString())
        self.rows += len(next(iter(outputs.values())))

    def _close(self) -> None:
        if self._writer:
            self._writer.close()


class ErrorLines(NewFile):
    """A file of JSON lines, one for each row that got no answer."""

    _stream: BinaryIO | None = None

    def write(self, bad: Sequence[BadRow]) -> None:
        """Append rows."""
        for each in bad:
            self._stream = self._stream or create(self._made)
            self._stream.write(json.dumps(dataclasses.asdict(each), default=str).encode() + b"\n")
        self.rows += len(bad)

    def _close(self) -> None:
        if self._stream:
            self._stream.close()


def shard(path: str, options: BatchOptions) -> ParquetShard | PredictionLogShard:
    """The writer of a piece's answers.

    Args:
        path: path or URI of the file, without its ending.
        options: what is asked.
    """
    if options.format == "parquet":
        return ParquetShard(f"{path}.parquet")
    return PredictionLogShard(f"{path}.tfrecord.gz", options)
