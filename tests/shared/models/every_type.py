"""A model with a column of every kind, type and presence, as a file would hold them, for tests of missing values."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from PIL import Image

from serving.client.messages.examples import RowFeature, serialize
from tests.shared.models import exports
from trainer.export import saved_model
from trainer.parameters import Label, Parameters

Row = dict[str, object]


@dataclass(frozen=True)
class Kept:
    """One raw column.

    Attributes:
        feature: its entry in the config; None for one that only a cross reads.
        spec: how training parses it; of fixed length where the schema calls it complete.
        value: its value in the row of a number.
        required: whether a request without it is refused.
    """

    feature: object
    spec: tf.io.FixedLenFeature | tf.io.VarLenFeature
    value: Callable[[int], object]
    required: bool = False


def _complete(dtype: tf.DType, *shape: int) -> tf.io.FixedLenFeature:
    return tf.io.FixedLenFeature(shape or [1], dtype)


def _png(seed: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (3, 4), dtype=np.uint8)).save(stream, format="PNG")
    return stream.getvalue()


_OPTIONAL = {each: tf.io.VarLenFeature(each) for each in (tf.float32, tf.int64, tf.string)}
_WORDS = ["ant", "bee", "cow"]
_PICTURE = {"kind": "image", "height": 2, "width": 3}
COLUMNS = {
    "float": Kept("number", _complete(tf.float32), lambda row: row * 1.5 - 4),
    "Größe (m²)": Kept(["number", {"kind": "number", "bins": 4}], _OPTIONAL[tf.float32], lambda row: row * 0.3),
    "int": Kept("number", _complete(tf.int64), lambda row: 7 * row % 5),
    "int bucket": Kept({"kind": "number", "buckets": 3}, _OPTIONAL[tf.int64], lambda row: row * row),
    "float bucket": Kept({"kind": "number", "buckets": 4}, _complete(tf.float32), lambda row: row / 3),
    "text": Kept("category", _complete(tf.string), lambda row: _WORDS[row % 3]),
    "text opt.": Kept("category", _OPTIONAL[tf.string], lambda row: _WORDS[row // 2 % 3]),
    "id": Kept("category", _complete(tf.int64), lambda row: 2**40 + row % 3),
    "pandas id": Kept("category", _complete(tf.float32), lambda row: float(17031 + row % 2)),
    "yes": Kept("category", _complete(tf.int64), lambda row: row % 2 == 0),
    "code": Kept({"kind": "category", "codes": 4}, _OPTIONAL[tf.int64], lambda row: row % 4),
    "hashed": Kept({"kind": "category", "hash": 50}, _complete(tf.string), lambda row: f"user {row}"),
    "day": Kept("date", _complete(tf.string), lambda row: f"2024-0{row % 9 + 1}-1{row % 7}"),
    "us day": Kept(
        {"kind": "date", "format": "%m/%d/%Y %I:%M %p"},
        _OPTIONAL[tf.string],
        lambda row: f"{row % 9 + 1}/1{row % 7}/2024 0{row % 9 + 1}:15 PM",
    ),
    "whole day": Kept({"kind": "date", "format": "%Y%m%d"}, _complete(tf.int64), lambda row: 20240101 + row % 28),
    "time": Kept("date", _OPTIONAL[tf.string], lambda row: f"2024-03-0{row % 9 + 1}T{row % 24:02}:30:00Z"),
    "epoch": Kept("date", _complete(tf.int64), lambda row: 1_700_000_000 + 100_000 * row),
    "epoch opt.": Kept("date", _OPTIONAL[tf.float32], lambda row: 1.7e9 + 3e6 * row),
    "note": Kept({"kind": "text", "hash": 40}, _complete(tf.string), lambda row: f"Good {_WORDS[row % 3]}, no {row}"),
    "comment": Kept({"kind": "text", "hash": 40}, _OPTIONAL[tf.string], lambda row: " ".join(_WORDS[: row % 3 + 1])),
    "tags": Kept("list", _OPTIONAL[tf.string], lambda row: _WORDS[: row % 3 + 1]),
    "visits": Kept("list", _OPTIONAL[tf.int64], lambda row: list(range(row % 3 + 1))),
    "cell": Kept({"kind": "list", "separator": ";"}, _complete(tf.string), lambda row: ";".join(_WORDS[row % 3 :])),
    "json": Kept({"kind": "list", "json_list": True}, _OPTIONAL[tf.string], lambda row: f'["a, b", "{row % 3}"]'),
    "place": Kept({"kind": "vector", "length": 3}, _OPTIONAL[tf.float32], lambda row: [row / 2, 1.0, -row / 3]),
    "counts": Kept({"kind": "vector", "length": 2}, _OPTIONAL[tf.int64], lambda row: [row, row % 3]),
    "fixed": Kept({"kind": "vector", "length": 2}, _complete(tf.float32, 2), lambda row: [row / 5, 2.0], required=True),
    "crossed text": Kept(None, _complete(tf.string), lambda row: _WORDS[row % 2]),
    "crossed int": Kept(None, _OPTIONAL[tf.int64], lambda row: row % 3),
    "crossed float": Kept(None, _complete(tf.float32), lambda row: row % 4 * 0.7),
    "crossed day": Kept(None, _OPTIONAL[tf.string], lambda row: f"1{row % 7}.03.2024"),
    "pixels": Kept(_PICTURE, _OPTIONAL[tf.int64], lambda row: [row, 9, 40, 80, 160, 255 - row]),
    "glyph": Kept(_PICTURE, _complete(tf.float32, 6), lambda row: [row * 1.0, 9.5, 40, 80, 160, 250], required=True),
    "photo": Kept({**_PICTURE, "channels": 3}, _OPTIONAL[tf.string], _png),
    "portrait": Kept(_PICTURE, _complete(tf.string), lambda row: _png(row + 50), required=True),
}
# Values of other types than the columns', and how they are refused.
WRONG = [
    ("float", "cheap", "'cheap' is not a number"),
    ("int", 1.5, "1.5 is not a whole number"),
    ("float", [1, 2], "[1, 2] is not a number"),
    ("text", ["a", "b"], "['a', 'b'] is not a text"),
    ("day", 20240131, "20240131 is not a date"),
    ("us day", True, "True is not a date of the format %m/%d/%Y %I:%M %p"),
    ("crossed day", 3.5, "3.5 is not a date of the format %d.%m.%Y"),
    ("tags", [["a"], ["b"]], "[['a'], ['b']] is not a list of texts"),
    ("place", [1, 2], "[1, 2] is not a list of 3 numbers"),
    ("place", "near", "'near' is not a list of 3 numbers"),
    ("tags", {"a": 1}, "{'a': 1} is not a list of texts"),
    ("visits", [1, "x"], "[1, 'x'] is not a list of whole numbers"),
]
PARAMETERS = Parameters(
    label={"column": "row", "task": "regression"},
    features={
        **{name: column.feature for name, column in COLUMNS.items() if column.feature},
        "crossed": {"kind": "cross", "columns": ["crossed text", "crossed int"], "hash": 30},
        "crossed parts": {
            "kind": "cross",
            "columns": [
                {"column": "crossed float", "buckets": 3},
                {"column": "crossed day", "part": "weekday", "format": "%d.%m.%Y"},
            ],
            "hash": 40,
        },
    },
    model={"name": "dnn", "hidden_units": [8]},
)
# The same network exported for another task: both have one output.
BINARY = Label(column="row")
TRAINED_ROWS = 12


def full_row(number: int) -> Row:
    """A row of the file that lacks nothing."""
    return {name: column.value(number) for name, column in COLUMNS.items()}


def make(folder: Path) -> list[Row]:
    """Transform, train and export into ``folder``, see `exports.make`, and a binary export into ``binary``.

    Returns:
        The rows of the training, labelled with their numbers: full ones, and some that lack an optional column.
    """
    rows = [full_row(number) for number in range(TRAINED_ROWS)]
    optional = [name for name, column in COLUMNS.items() if isinstance(column.spec, tf.io.VarLenFeature)]
    rows += [without(full_row(number % TRAINED_ROWS), name) for number, name in enumerate(optional)]
    rows = [{**row, "row": float(number)} for number, row in enumerate(rows)]
    spec = {**{name: column.spec for name, column in COLUMNS.items()}, "row": tf.io.FixedLenFeature([1], tf.float32)}
    exports.make([_numbers(row) for row in rows], spec, PARAMETERS, folder, steps=10)
    saved_model.export(
        model=keras.models.load_model(folder / "model.keras"),
        transform_output=tft.TFTransformOutput(str(folder / "transform")),
        label=BINARY,
        features=PARAMETERS.features,
        path=str(folder / "binary"),
    )
    return rows


def without(row: Row, *names: str) -> Row:
    """The row without some columns."""
    return {name: value for name, value in row.items() if name not in names}


def records(rows: list[Row]) -> list[bytes]:
    """The rows as ingest writes them, by the types of the file."""
    features = {}
    for name, column in COLUMNS.items():
        value = column.value(1)
        shape = (len(value),) if isinstance(value, list) else ()
        features[name] = RowFeature(
            np.dtype(column.spec.dtype.as_numpy_dtype), None if column.feature == "list" else shape
        )
    return serialize(rows, features)


def _numbers(row: Row) -> Row:
    """Booleans as ingest reads them from a Parquet file."""
    return {name: int(value) if isinstance(value, bool) else value for name, value in row.items()}
