"""One small real model that many tests share: its rows, its parameters, and where its files are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.parameters import Loop, Model, Parameters

PARAMETERS = Parameters(
    label={"column": "tips", "above": {"column": "fare", "times": 0.2}},
    features={
        "fare": ["number", {"kind": "number", "buckets": 4}],
        "kind": {"kind": "category", "top_k": 5},
        "hour": {"kind": "category", "codes": 24},
    },
    model=Model(embedding_dim=2, hidden_units=(8,), dropout=0.1),
    loop=Loop(global_batch_size=32, epochs=2, steps_per_loop=5, optimizer={"learning_rate": 0.01}),
)


@dataclass(frozen=True)
class SmallModel:
    """A model that went through Transform, training and export, and what it was made from.

    Attributes:
        rows: raw rows; ``kind`` and ``hour`` are missing in some.
        saved_model: the export.
        keras_model: the Keras file.
        transform_graph: the transform output.
    """

    rows: list[dict]
    saved_model: Path
    keras_model: Path
    transform_graph: Path

    def records(self) -> list[bytes]:
        """The rows as serialized tf.Examples."""
        return [serialize(row) for row in self.rows]


def serialize(row: dict) -> bytes:
    """A raw row as a serialized tf.Example; a list is a feature of many values."""
    import tensorflow as tf

    feature = {}
    for name, value in row.items():
        values = value if isinstance(value, list) else [value]
        if isinstance(values[0], (str, bytes)):
            encoded = [text.encode() if isinstance(text, str) else text for text in values]
            feature[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=encoded))
        elif isinstance(values[0], int):
            feature[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        else:
            feature[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def make_rows(count: int) -> list[dict]:
    """Rows whose label depends on ``kind``."""
    generator = np.random.default_rng(0)
    rows = []
    for index in range(count):
        kind = ["cash", "card", None][int(generator.integers(3))]
        fare = float(np.float32(generator.uniform(1, 50)))
        row = {"fare": fare, "tips": fare * (0.5 if kind == "card" else 0.0)}
        if kind:
            row["kind"] = kind
        if index % 5:
            row["hour"] = int(generator.integers(24))
        rows.append(row)
    return rows


RAW_SPEC_TYPES = {"fare": "float32", "tips": "float32", "kind": "string", "hour": "int64"}
