"""Exports of tables and pictures, and what they were made from."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from PIL import Image as Pillow

from serving.inference.engine import SavedModel
from tests.shared.models import exports
from tests.shared.models.small_model import serialize
from trainer.features.raw import MISSING
from trainer.features.transformed import model_inputs
from trainer.models.heads import head_of
from trainer.parameters import Parameters

EVERY_KIND = Parameters(
    label={"column": "animal", "task": "multiclass", "classes": ["ant", "bee", "cow"]},
    example_weight="weight",
    features={
        "size": ["number", {"kind": "number", "bins": 4}],
        "count": {"kind": "number", "buckets": 3},
        "kind": "category",
        "hour": {"kind": "category", "codes": 24},
        "kind x hour": {"kind": "cross", "columns": ["kind", "hour"], "hash": 50},
        "size x month": {
            "kind": "cross",
            "columns": [{"column": "size", "buckets": 3}, {"column": "Day / of", "part": "month"}],
            "hash": 50,
        },
        "Day / of": "date",
        "note": {"kind": "text", "hash": 30, "max_words": 5},
        "tags": {"kind": "list", "max_values": 3},
        "cell": {"kind": "list", "json_list": True},
        "vector": {"kind": "vector", "length": 2},
        "photo": {"kind": "image", "height": 4, "width": 5, "channels": 3},
        "pixels": {"kind": "image", "height": 2, "width": 3},
        "glyph": {"kind": "image", "height": 2, "width": 2, "scale": 1.0},
    },
    model={"name": "dnn", "hidden_units": [8]},
)
DIGITS = Parameters(
    label={"column": "y", "task": "regression"},
    features={"pixels": {"kind": "image", "height": 8, "width": 8, "scale": 16.0}},
    model={"name": "lenet", "filters": [4], "hidden_units": [8]},
)


@dataclass(frozen=True)
class Made:
    """An export and what it was made from."""

    parameters: Parameters
    rows: list[dict]
    folder: Path
    saved_model: SavedModel

    def records(self) -> np.ndarray:
        return np.array([serialize(row) for row in self.rows], object)

    def ask(self, signature: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        return self.saved_model.run(self.saved_model.signatures[signature], inputs)

    def expected(self) -> np.ndarray:
        """What the trained model predicts, without the export."""
        output = tft.TFTransformOutput(str(self.folder / "transform"))
        raw = tf.io.parse_example(self.records(), output.raw_feature_spec())
        features = model_inputs(output.transform_raw_features(raw))
        model = keras.models.load_model(self.folder / "model.keras")
        return head_of(self.parameters.label).predictions(model(features, training=False)).numpy()

    def columns(self) -> dict[str, np.ndarray]:
        """The rows as the columnar signature wants them."""
        arrays = {}
        for name, info in self.saved_model.signatures["columnar"].inputs.items():
            dtype, shape = tf.dtypes.as_dtype(info.dtype), [dim.size for dim in info.tensor_shape.dim[1:]]
            missing = MISSING[dtype]
            shape = [3 if size < 0 else size for size in shape]
            values = [row.get(name, [missing] * int(np.prod(shape)) if shape else missing) for row in self.rows]
            values = [value + [missing] * (3 - len(value)) if name == "tags" else value for value in values]
            encoded = [_encoded(value) for value in values]
            arrays[name] = np.array(encoded, dtype.as_numpy_dtype).reshape([-1, *shape])
        return arrays


def _encoded(value):
    if isinstance(value, list):
        return [_encoded(each) for each in value]
    return value.encode() if isinstance(value, str) else value


def png(seed: int, height: int, width: int) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Pillow.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def rows_of_every_kind() -> list[dict]:
    """The last row has the required picture alone; the others lack one optional feature each."""
    generator = np.random.default_rng(0)
    full = [
        {
            "animal": ["ant", "bee", "cow"][index % 3],
            "weight": float(index),
            "size": float(generator.normal()),
            "count": int(generator.integers(9)),
            "kind": "abc"[index % 3],
            "hour": int(generator.integers(24)),
            "Day / of": f"2024-0{index % 9 + 1}-1{index % 7} {index:02}:30",
            "note": ["Good service", "bad, BAD service", ""][index % 3] or "one two three four five six seven",
            "tags": ["red", "green", "blue"][: index % 3 + 1],
            "cell": '["a, b", "c"]' if index % 2 else "[1, 2, 3]",
            "vector": [float(index), 1.5],
            "photo": png(index, 4 + index % 2, 5),
            "pixels": generator.integers(0, 256, 6).tolist(),
            "glyph": generator.uniform(size=4).tolist(),
        }
        for index in range(12)
    ]
    optional = ["size", "count", "kind", "hour", "photo", "pixels", "Day / of", "note", "tags", "cell", "vector"]
    lacking = [
        {key: value for key, value in row.items() if key != name} for row, name in zip(full, optional, strict=False)
    ]
    return [*full, *lacking, {"animal": "cow", "glyph": [0.0, 0.5, 0.5, 1.0]}]


def made(rows: list[dict], spec: exports.Spec, parameters: Parameters, folder: Path) -> Made:
    exports.make(rows, spec, parameters, folder, steps=10)
    return Made(parameters, rows, folder, SavedModel(str(folder / "saved_model")))
