"""The export's signatures for every task and kind of feature, run in the Session that TF Serving runs."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow.python.saved_model.pywrap_saved_model import fingerprinting

from serving.inference.engine import SavedModel
from tests.shared.models.small_model import PARAMETERS, serialize
from tests.trainer.export.made import DIGITS, EVERY_KIND, Made, made, rows_of_every_kind
from trainer.export import saved_model as export
from trainer.models.heads import head_of

pytestmark = pytest.mark.tensorflow


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
