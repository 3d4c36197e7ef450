"""The tables that both forms transform: the taxi data, and wide ones of random numbers and words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.public import tfxio

from components.example_gen.shards import read_records
from pipeline.config.loading import load
from trainer.parameters import Parameters

_ROOT = Path(__file__).resolve().parents[2]
# Share of the values of a wide table that are missing.
_MISSING = 0.05


@dataclass(frozen=True, kw_only=True)
class Table:
    """Raw examples on disk.

    Attributes:
        files: glob pattern of the TFRecord files.
        schema: of the raw columns.
        parameters: label, features and network.
    """

    files: str
    schema: schema_pb2.Schema
    parameters: Parameters

    def source(self) -> tfxio.TFExampleRecord:
        """The examples as record batches, label and features only."""
        return tfxio.TFExampleRecord(self.files, schema=self.schema, telemetry_descriptors=["bench"])

    def a_record(self) -> bytes:
        """The first serialized example."""
        compression = "GZIP" if self.files.endswith(".gz") else ""
        dataset = tf.data.TFRecordDataset(tf.io.gfile.glob(self.files), compression_type=compression)
        return next(iter(dataset.take(1).as_numpy_iterator()))


def taxi(runs: Path) -> Table:
    """The training split of the taxi data; the pipeline must have run up to ExampleGen in ``runs``."""
    from google.protobuf import text_format

    config = load(config=_ROOT / "configs" / "taxi.yaml", profile="local")
    schema = text_format.Parse((_ROOT / "schema" / "taxi" / "schema.pbtxt").read_text(), schema_pb2.Schema())
    [folder] = runs.glob("taxi/artifacts/ExampleGen/examples/*/Split-train")
    file = runs / "taxi.tfrecord"
    _write(file, read_records(str(folder)))
    return Table(files=str(file), schema=schema, parameters=config.parameters())


def wide(folder: Path, *, columns: int, rows: int, values: int = 30) -> Table:
    """A table of as many numbers as words.

    Args:
        folder: where to write it.
        columns: int, number of features.
        rows: int, number of examples.
        values: int, distinct words of a column.
    """
    random = np.random.default_rng(0)
    numbers = [f"n{index}" for index in range(columns // 2)]
    words = [f"w{index}" for index in range(columns - len(numbers))]
    floats = random.normal(size=(rows, len(numbers))).astype(np.float32)
    places = random.integers(0, values, size=(rows, len(words)))
    missing = random.random((rows, columns)) < _MISSING
    label = (np.nan_to_num(floats[:, 0]) + (places[:, 0] % 2) > 0.5).astype(np.int64)
    records = []
    for row in range(rows):
        features = {"label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label[row]]))}
        for index, name in enumerate(numbers):
            if not missing[row, index]:
                features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=[floats[row, index]]))
        for index, name in enumerate(words):
            if not missing[row, len(numbers) + index]:
                word = f"word {places[row, index]}".encode()
                features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[word]))
        records.append(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
    file = folder / f"{columns}x{rows}-{values}.tfrecord"
    _write(file, records)
    schema = schema_pb2.Schema()
    types = {
        "label": schema_pb2.INT,
        **dict.fromkeys(numbers, schema_pb2.FLOAT),
        **dict.fromkeys(words, schema_pb2.BYTES),
    }
    for name, kind in types.items():
        schema.feature.add(name=name, type=kind).value_count.max = 1
    kinds = {
        **dict.fromkeys(numbers, "number"),
        **dict.fromkeys(words, {"kind": "category", "top_k": values, "min_count": 1}),
    }
    return Table(
        files=str(file),
        schema=schema,
        parameters=Parameters.model_validate(
            {"label": {"column": "label"}, "features": kinds, "model": {"name": "wide_and_deep"}}
        ),
    )


def _write(file: Path, records: list[bytes]) -> None:
    with tf.io.TFRecordWriter(str(file)) as writer:
        for record in records:
            writer.write(record)
