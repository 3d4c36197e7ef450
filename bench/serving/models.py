"""The models of the serving benchmark and one serialized request of each kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from serving.versions import version_folders

_ROOT = Path(__file__).resolve().parents[2]
TAXI = _ROOT / "runs" / "taxi" / "serving" / "taxi"
_TRIP = {
    "company": "Flash Cab",
    "payment_type": "Credit Card",
    "pickup_community_area": 32,
    "dropoff_community_area": 8,
    "trip_start_month": 5,
    "trip_start_day": 3,
    "trip_start_hour": 14,
    "trip_seconds": 600,
    "trip_miles": 2.1,
    "fare": 9.5,
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of request.

    Attributes:
        name: name in the results.
        model: name of the model.
        grpc: a serialized PredictRequest.
        rest: the same as a JSON body; empty if it is not sent over REST.
    """

    name: str
    model: str
    grpc: bytes
    rest: bytes = b""


def folders(scratch: Path, *, names: frozenset[str]) -> dict[str, Path]:
    """Base paths by model name; small models are written below ``scratch``.

    Raises:
        FileNotFoundError: no taxi model was pushed; the message says how to get one.
    """
    found = {}
    if "taxi" in names:
        if not newest(TAXI):
            raise FileNotFoundError("runs/taxi/serving/taxi: no model was pushed; run `make run` first")
        found["taxi"] = TAXI
    for name, save in {"half_plus_two": _save_half_plus_two, "cnn": _save_cnn}.items():
        if name in names:
            found[name] = scratch / name
            save(found[name] / "1")
    return found


def newest(base_path: Path) -> Path | None:
    """The folder of the highest version; None if there is no version."""
    folders = version_folders.find(base_path) if base_path.is_dir() else {}
    return folders[max(folders)] if folders else None


def models_config(base_paths: Mapping[str, Path]) -> str:
    """The text of a models config file for this server and for TF Serving."""
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    config = model_server_config_pb2.ModelServerConfig()
    for name, path in base_paths.items():
        config.model_config_list.config.add(name=name, base_path=str(path.resolve()), model_platform="tensorflow")
    return text_format.MessageToString(config)


def cases(names: frozenset[str]) -> list[Case]:
    """The requests to the models of these names; taxi, one example, comes first."""
    import tensorflow as tf

    example, columns = _example(tf), {name: _column(value) for name, value in _TRIP.items()}
    image = np.linspace(0, 1, 28 * 28, dtype=np.float32).reshape(1, 28, 28, 1)
    x = {"x": np.array([1.0], np.float32)}
    rest = json.dumps({"signature_name": "columnar", "instances": [_TRIP]}).encode()
    made = [
        Case(name="taxi, tf.Example x1", model="taxi", grpc=_predict("taxi", {"examples": _texts(example)})),
        Case(name="taxi, columnar x1", model="taxi", grpc=_predict("taxi", columns, signature="columnar"), rest=rest),
        Case(name="taxi, tf.Example x32", model="taxi", grpc=_predict("taxi", {"examples": _texts(*[example] * 32)})),
        Case(name="half_plus_two, x1", model="half_plus_two", grpc=_predict("half_plus_two", x)),
        Case(name="cnn, image x1", model="cnn", grpc=_predict("cnn", {"image": image})),
        Case(name="cnn, image x32", model="cnn", grpc=_predict("cnn", {"image": np.repeat(image, 32, axis=0)})),
    ]
    return [case for case in made if case.model in names]


def _column(value: object) -> np.ndarray:
    if isinstance(value, str):
        return _texts(value.encode())
    return np.array([value], np.float32 if isinstance(value, float) else np.int64)


def _texts(*values: bytes) -> np.ndarray:
    # numpy's own byte strings lose trailing zeros.
    return np.array(values, dtype=object)


def _example(tf: Any) -> bytes:
    features = {}
    for name, value in _TRIP.items():
        if isinstance(value, str):
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
        elif isinstance(value, int):
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        else:
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _predict(model: str, inputs: Mapping[str, np.ndarray], *, signature: str = "serving_default") -> bytes:
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, array in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    return request.SerializeToString()


def _save_half_plus_two(path: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.slope, module.intercept = tf.Variable(0.5), tf.Variable(2.0)
    answer = tf.function(
        lambda x: {"y": module.slope * x + module.intercept}, input_signature=[tf.TensorSpec([None], tf.float32, "x")]
    )
    tf.saved_model.save(module, str(path), signatures={"serving_default": answer})


def _save_cnn(path: Path) -> None:
    """Two convolutions and a dense layer on 28 x 28 pictures, with its initial weights: only speed counts."""
    import keras
    import tensorflow as tf

    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        lambda image: {"probabilities": model(image)},
        input_signature=[tf.TensorSpec([None, 28, 28, 1], tf.float32, name="image")],
    )
    archive.write_out(str(path), verbose=False)
