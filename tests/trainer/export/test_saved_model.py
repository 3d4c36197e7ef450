import contextlib
import multiprocessing
import os
import signal
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tfx.types import standard_artifacts

from components.gates import infra_blessing
from components.gates.trained_model import TrainedModel, compare
from components.refusal import GateRefused
from serving.client.messages import columns as client_columns
from serving.client.messages import values as client_values
from serving.errors import StatusError
from serving.inference.engine import SavedModel
from serving.inference.probe import ProbeFailed, probing, requests_for
from serving.inference.warmup import WARMUP_FILE
from tests.components.gates.infra.validation import validate
from tests.e2e.faults import bad_export
from tests.shared.models.small_model import PARAMETERS, serialize
from tests.shared.stand_ins import artifact, write_examples
from trainer.features.raw import MISSING
from trainer.parameters import KERAS_MODEL

pytestmark = pytest.mark.tensorflow


def answers_of(path, records):
    with probing(str(path), records, timeout_seconds=60) as probed:
        return probed().answers


@pytest.fixture(scope="module")
def broken_model(small_model, tmp_path_factory):
    """The same model, saved the way that loads in Python and fails in TF Serving."""
    path = tmp_path_factory.mktemp("broken") / "saved_model"
    bad_export._save(
        model=keras.models.load_model(small_model.keras_model),
        transform_output=tft.TFTransformOutput(str(small_model.transform_graph)),
        label=PARAMETERS.label,
        features=PARAMETERS.features,
        path=str(path),
    )
    return path


def test_every_signature_answers_in_a_session_as_the_trained_model_does(small_model):
    records = small_model.records()
    answers = answers_of(small_model.saved_model, records)
    assert set(answers) == {"serving_default", "columnar", "transform_features", "classify"}
    trained = TrainedModel(
        label=PARAMETERS.label,
        keras_model=str(small_model.keras_model),
        transform_graph=str(small_model.transform_graph),
    )
    expected = trained.answers(records)
    assert compare(answers, expected, tolerance=1e-5) is None
    assert answers["serving_default"]["probability"].shape == (300, 1)


def test_the_model_has_learnt_and_missing_values_have_ids_of_their_own(small_model):
    answers = answers_of(small_model.saved_model, small_model.records())
    probability = answers["columnar"]["probability"][:, 0]
    card = np.array([row.get("kind") == "card" for row in small_model.rows])
    assert probability[card].mean() > probability[~card].mean() + 0.2
    ids = answers["transform_features"]["ids"][:, 2]
    [missing] = {id_ for id_, row in zip(ids, small_model.rows, strict=True) if "kind" not in row}
    assert missing not in {id_ for id_, row in zip(ids, small_model.rows, strict=True) if "kind" in row}


def test_label_columns_are_not_asked_of_a_request(small_model):
    model = SavedModel(str(small_model.saved_model))
    assert set(model.signatures["columnar"].inputs) == {"fare", "kind", "hour"}


def test_unseen_and_out_of_range_values_are_answered(small_model):
    model = SavedModel(str(small_model.saved_model))
    rows = [{"fare": 1e9, "kind": "gold", "hour": 99}, {"fare": 5.0}, {"fare": -3.0, "kind": "card", "hour": -5}]
    inputs = {
        name: client_columns.column(rows, name, np.dtype(tf.dtypes.as_dtype(info.dtype).as_numpy_dtype))
        for name, info in model.signatures["columnar"].inputs.items()
    }
    probability = model.run(model.signatures["columnar"], inputs)["probability"]
    assert np.isfinite(probability).all()


def test_the_client_spells_missing_as_the_exporter_does():
    by_kind = {np.dtype(dtype.as_numpy_dtype).kind: value for dtype, value in MISSING.items()}
    assert np.isnan(by_kind["f"])
    assert np.isnan(client_values.MISSING["f"])
    assert by_kind["i"] == client_values.MISSING["i"]
    assert by_kind["O"].encode() == client_values.MISSING["O"]


def test_an_export_that_only_python_can_run_is_refused(small_model, broken_model):
    loaded = tf.saved_model.load(str(broken_model))
    assert loaded.signatures["serving_default"](tf.constant(small_model.records()))["probability"].shape == (300, 1)
    with pytest.raises(ProbeFailed, match="the export fails as TF Serving would load it: .*Could not find variable"):
        answers_of(broken_model, small_model.records())


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ProbeFailed, match="OSError"):
        answers_of(tmp_path, [b""])


def test_a_crashing_loader_is_refused(small_model):
    others = set(multiprocessing.active_children())
    with probing(str(small_model.saved_model), small_model.records(), timeout_seconds=60) as probed:
        for child in set(multiprocessing.active_children()) - others:
            os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(ProbeFailed, match=r"crashes its loader \(exit code"):
            probed()


def test_a_loader_that_hangs_is_refused(small_model):
    others = set(multiprocessing.active_children())
    with probing(str(small_model.saved_model), small_model.records(), timeout_seconds=0) as probed:
        for child in set(multiprocessing.active_children()) - others:
            os.kill(child.pid, signal.SIGSTOP)
        with pytest.raises(ProbeFailed, match="did not load and answer within 0 s"):
            probed()


def test_the_engine_refuses_in_tf_serving_s_words(small_model):
    model = SavedModel(str(small_model.saved_model))
    signature = model.signatures["serving_default"]
    inputs = requests_for(signature, small_model.records()[:1])
    with pytest.raises(StatusError, match=r"input size does not match signature: 0!=1.*required: \{examples\}"):
        model.run(signature, {})
    with pytest.raises(StatusError, match=r"Expects arg\[0\] to be string but float is provided"):
        model.run(signature, {"examples": np.zeros(1, np.float32)})
    with pytest.raises(StatusError, match="serialized.*(vector|scalar)"):
        model.run(signature, {"examples": inputs["examples"].reshape(1, 1)})
    with pytest.raises(StatusError, match="output tensor alias not found in signature: score"):
        model.run(signature, inputs, output_filter=["score"])
    with pytest.raises(StatusError, match="duplicate output tensor alias: probability"):
        model.run(signature, inputs, output_filter=["probability", "probability"])


@pytest.mark.parametrize("good", [True, False])
def test_the_component_writes_the_verdict(small_model, broken_model, tmp_path, good):
    model = artifact(standard_artifacts.Model, tmp_path / "model", identity=7)
    (tmp_path / "model").mkdir()
    (tmp_path / "model/Format-Serving").symlink_to(small_model.saved_model if good else broken_model)
    (tmp_path / "model" / KERAS_MODEL).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "model" / KERAS_MODEL).symlink_to(small_model.keras_model)
    blessing = artifact(standard_artifacts.InfraBlessing, tmp_path / "blessing")
    with contextlib.nullcontext() if good else pytest.raises(GateRefused, match="the export fails"):
        validate(
            PARAMETERS.label,
            model=model,
            transform_graph=artifact(standard_artifacts.TransformGraph, small_model.transform_graph),
            examples=write_examples(tmp_path / "examples", small_model.rows),
            blessing=blessing,
            warmup=0,
        )
    assert infra_blessing.is_blessed(blessing) is good
    assert blessing.get_int_custom_property("current_model_id") == 7
    assert not (Path(blessing.uri) / WARMUP_FILE).exists()
    assert bool(infra_blessing.reason(blessing)) is not good


@pytest.mark.parametrize("name", ["fare", "kind", "hour"])
def test_a_missing_value_is_the_same_in_every_signature_even_where_training_had_none(small_model, name):
    rows = [{key: value for key, value in row.items() if key not in (name, "tips")} for row in small_model.rows[:50]]
    model = SavedModel(str(small_model.saved_model))
    by_example = np.array([serialize(row) for row in rows], object)
    columns = {
        key: client_columns.column(rows, key, np.dtype(tf.dtypes.as_dtype(info.dtype).as_numpy_dtype))
        for key, info in model.signatures["columnar"].inputs.items()
    }
    answers = [
        model.run(model.signatures["serving_default"], {"examples": by_example})["probability"],
        model.run(model.signatures["columnar"], columns)["probability"],
        model.run(model.signatures["classify"], {"inputs": by_example})["scores"][:, 1:],
    ]
    for answer in answers[1:]:
        np.testing.assert_allclose(answer, answers[0], atol=1e-6)
    whole = np.array([serialize(row) for row in small_model.rows[:50]], object)
    complete = model.run(model.signatures["serving_default"], {"examples": whole})["probability"]
    # What is imputed stays in the range of the data: no sentinel reaches the network.
    assert answers[0].min() > complete.min() - 0.2
    assert answers[0].max() < complete.max() + 0.2


@pytest.mark.parametrize("hours", [[1, 2], []])
def test_a_feature_with_a_kind_holds_one_value_or_is_refused_by_name(small_model, hours):
    model = SavedModel(str(small_model.saved_model))
    example = tf.train.Example()
    example.features.feature["hour"].int64_list.value.extend(hours)
    with pytest.raises(StatusError, match=f"Key: hour.*Values size: {len(hours)} but"):
        model.run(model.signatures["serving_default"], {"examples": np.array([example.SerializeToString()], object)})


def test_a_feature_without_a_kind_is_missing(small_model):
    model = SavedModel(str(small_model.saved_model))
    unset = tf.train.Example()
    unset.features.feature["hour"].Clear()
    examples = np.array([unset.SerializeToString(), serialize({})], object)
    present, absent = model.run(model.signatures["serving_default"], {"examples": examples})["probability"]
    assert present == absent
