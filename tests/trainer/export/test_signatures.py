"""The export's signatures for every task and kind of feature, run in the Session that TF Serving runs."""

import io
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from PIL import Image as Pillow
from tensorflow.python.saved_model.pywrap_saved_model import fingerprinting

from serving.inference.engine import SavedModel
from tests.shared.models import exports
from tests.shared.models.small_model import PARAMETERS, serialize
from trainer.export import saved_model as export
from trainer.features.raw import MISSING
from trainer.features.transformed import model_inputs
from trainer.models.heads import head_of
from trainer.parameters import Parameters

pytestmark = pytest.mark.tensorflow

EVERY_KIND = Parameters(
    label={"column": "animal", "task": "multiclass", "classes": ["ant", "bee", "cow"]},
    example_weight="weight",
    features={
        "size": ["number", {"kind": "number", "bins": 4}],
        "count": {"kind": "number", "buckets": 3},
        "kind": "category",
        "hour": {"kind": "category", "codes": 24},
        "kind x hour": {"kind": "cross", "columns": ["kind", "hour"], "hash": 50},
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


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory) -> Made:
    spec = {
        "animal": tf.io.FixedLenFeature([1], tf.string),
        "weight": tf.io.VarLenFeature(tf.float32),
        "size": tf.io.VarLenFeature(tf.float32),
        "count": tf.io.VarLenFeature(tf.int64),
        "kind": tf.io.VarLenFeature(tf.string),
        "hour": tf.io.VarLenFeature(tf.int64),
        "Day / of": tf.io.VarLenFeature(tf.string),
        "note": tf.io.VarLenFeature(tf.string),
        "tags": tf.io.VarLenFeature(tf.string),
        "cell": tf.io.VarLenFeature(tf.string),
        "vector": tf.io.VarLenFeature(tf.float32),
        "photo": tf.io.VarLenFeature(tf.string),
        "pixels": tf.io.VarLenFeature(tf.int64),
        "glyph": tf.io.FixedLenFeature([4], tf.float32),
    }
    return made(rows_of_every_kind(), spec, EVERY_KIND, tmp_path_factory.mktemp("every_kind"))


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Made:
    generator = np.random.default_rng(0)
    rows = [{"y": float(index), "pixels": generator.integers(0, 17, 64).tolist()} for index in range(8)]
    spec = {"y": tf.io.FixedLenFeature([1], tf.float32), "pixels": tf.io.FixedLenFeature([8, 8], tf.int64)}
    return made(rows, spec, DIGITS, tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="module")
def taxi(small_model) -> Made:
    saved_model = SavedModel(str(small_model.saved_model))
    return Made(PARAMETERS, small_model.rows, small_model.saved_model.parent, saved_model)


@pytest.fixture(params=["taxi", "every_kind", "digits"])
def each(request) -> Made:
    return request.getfixturevalue(request.param)


def test_examples_and_columns_are_answered_as_the_trained_model_does(each):
    output, expected = head_of(each.parameters.label).output, each.expected()
    answers = {
        "serving_default": each.ask("serving_default", examples=each.records()),
        "columnar": each.ask("columnar", **each.columns()),
    }
    for signature, answer in answers.items():
        assert set(answer) == {output}
        np.testing.assert_allclose(answer[output], expected, atol=1e-5, err_msg=signature)
    # Else any two signatures would agree.
    assert len(np.unique(expected.round(4), axis=0)) > 5


def test_a_multiclass_model_classifies(every_kind):
    answer = every_kind.ask("classify", inputs=every_kind.records())
    assert answer["classes"].tolist() == [[b"ant", b"bee", b"cow"]] * len(every_kind.rows)
    np.testing.assert_allclose(answer["scores"], every_kind.expected(), atol=1e-5)
    np.testing.assert_allclose(answer["scores"].sum(axis=1), 1, atol=1e-5)


def test_a_binary_model_classifies(taxi):
    answer = taxi.ask("classify", inputs=taxi.records())
    assert answer["classes"].tolist() == [[b"0", b"1"]] * len(taxi.rows)
    probability = taxi.expected()
    np.testing.assert_allclose(answer["scores"], np.concatenate([1 - probability, probability], axis=1), atol=1e-5)


def test_a_regression_model_regresses(digits):
    answer = digits.ask("regress", inputs=digits.records())
    assert set(answer) == {"outputs"}
    assert answer["outputs"].dtype == np.float32
    np.testing.assert_allclose(answer["outputs"], digits.expected(), atol=1e-5)


def test_signatures_are_what_tf_serving_asks_of_each_api(each):
    signatures = each.saved_model.signatures
    regression = each.parameters.label.task == "regression"
    task = "regress" if regression else "classify"
    assert {name: signature.method_name for name, signature in signatures.items()} == {
        "serving_default": "tensorflow/serving/predict",
        "columnar": "tensorflow/serving/predict",
        "transform_features": "tensorflow/serving/predict",
        task: f"tensorflow/serving/{task}",
    }
    [(name, serialized)] = signatures[task].inputs.items()
    assert (name, serialized.dtype, len(serialized.tensor_shape.dim)) == ("inputs", tf.string.as_datatype_enum, 1)
    outputs = {name: tf.dtypes.as_dtype(info.dtype).name for name, info in signatures[task].outputs.items()}
    assert outputs == ({"outputs": "float32"} if regression else {"classes": "string", "scores": "float32"})


def test_requests_carry_features_and_neither_label_nor_weight(every_kind, digits):
    shapes = {
        name: [dim.size for dim in info.tensor_shape.dim]
        for name, info in every_kind.saved_model.signatures["columnar"].inputs.items()
    }
    scalars = dict.fromkeys(["size", "count", "kind", "hour", "Day / of", "note", "cell", "photo"], [-1])
    assert shapes == {**scalars, "tags": [-1, -1], "vector": [-1, 2], "pixels": [-1, 6], "glyph": [-1, 4]}
    [(name, info)] = digits.saved_model.signatures["columnar"].inputs.items()
    assert (name, [dim.size for dim in info.tensor_shape.dim]) == ("pixels", [-1, 8, 8])
    without = [{key: row[key] for key in row if key not in ("animal", "weight")} for row in every_kind.rows]
    bare = np.array([serialize(row) for row in without], object)
    np.testing.assert_array_equal(
        every_kind.ask("serving_default", examples=bare)["probabilities"],
        every_kind.ask("serving_default", examples=every_kind.records())["probabilities"],
    )


def test_transformed_features_carry_label_weight_and_pictures(every_kind):
    answer = every_kind.ask("transform_features", examples=every_kind.records())
    assert answer["label"][:3].tolist() == [[0], [1], [2]]
    assert answer["example_weight"][:3].tolist() == [[0.0], [1.0], [2.0]]
    assert answer["example_weight"][-1].tolist() == [1.0]
    assert answer["image_0"].shape == (len(every_kind.rows), 4, 5, 3)
    for name in ("image_0", "image_1"):
        assert not answer[name][-1].any()
        assert answer[name][:12].any(axis=(1, 2, 3)).all()
    np.testing.assert_allclose(answer["image_2"][-1, ..., 0], [[0.0, 0.5], [0.5, 1.0]])


def test_an_empty_batch_is_answered(each):
    answer = each.ask("serving_default", examples=np.array([], object))
    assert answer[head_of(each.parameters.label).output].shape[0] == 0


def test_the_fingerprint_is_that_of_the_files(each):
    path = str(each.folder / "saved_model")
    recomputed = tf.saved_model.experimental.Fingerprint.from_proto(
        fingerprint_proto(fingerprinting.CreateFingerprintDef(path))
    )
    assert tf.saved_model.experimental.read_fingerprint(path) == recomputed


def fingerprint_proto(serialized: bytes):
    from tensorflow.core.protobuf import fingerprint_pb2

    return fingerprint_pb2.FingerprintDef.FromString(serialized)


def export_again(digits: Made, path: Path) -> None:
    export.export(
        model=keras.models.load_model(digits.folder / "model.keras"),
        transform_output=tft.TFTransformOutput(str(digits.folder / "transform")),
        label=DIGITS.label,
        features=DIGITS.features,
        path=str(path),
    )


def test_an_export_that_fails_half_way_leaves_nothing(digits, tmp_path, monkeypatch):
    def full_disk(*args, **options):
        raise OSError("no space left on device")

    monkeypatch.setattr(export, "edit", full_disk)
    with pytest.raises(OSError, match="no space left"):
        export_again(digits, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_an_export_replaces_what_is_there(digits, tmp_path):
    (tmp_path / "model" / "variables").mkdir(parents=True)
    (tmp_path / "model" / "variables" / "left_over").write_text("from an interrupted run")
    export_again(digits, tmp_path / "model")
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
    assert not list(tmp_path.rglob("left_over"))
    again = Made(digits.parameters, digits.rows, digits.folder, SavedModel(str(tmp_path / "model")))
    np.testing.assert_allclose(again.ask("regress", inputs=again.records())["outputs"], again.expected(), atol=1e-5)
