"""Infra validation of real exports of every task, and of exports that are wrong in one place."""

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2
from tfx.types import standard_artifacts

from components.gates import infra_blessing
from components.gates.budgets import Budgets
from components.gates.infra_validator import InfraValidator
from components.gates.trained_model import TrainedModel, compare
from components.messages import one_line
from components.push.pusher import push
from components.refusal import GateRefused
from serving.inference import warmup
from serving.inference.engine import SavedModel
from serving.inference.probe import ProbeFailed, WarmUp, probing
from tests.components.platform_artifacts import on_a_platform
from tests.shared import stand_ins
from tests.shared.models import exports
from tests.shared.models.small_model import PARAMETERS, serialize
from trainer.parameters import KERAS_MODEL, Parameters

pytestmark = pytest.mark.tensorflow

TASKS = list(stand_ins.LABELS)


def rows_of(task: str) -> list[dict]:
    units = {"binary": 1, "regression": 1}.get(task, 3)
    label = {"binary": 1.0, "regression": -2.5, "multiclass": 2, "named": "bee"}[task]
    return [
        {**{f"z{number}": float(index * (number + 1) % 7 - 3) for number in range(units)}, "y": label, "weight": 1.0}
        for index in range(20)
    ]


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    """The transform graph of each task."""
    return {
        task: stand_ins.write_transform_graph(tmp_path_factory.mktemp(f"graph_{task}"), label)
        for task, label in stand_ins.LABELS.items()
    }


@pytest.fixture
def verdict(graphs, tmp_path):
    """Runs InfraValidator on a model; None where it blessed, else the reason."""

    def run(task, model, *, label_of=None, handed_over=lambda artifact: artifact, **budgets: float) -> str | None:
        blessing = stand_ins.artifact(standard_artifacts.InfraBlessing, tmp_path / "blessing")
        refused = None
        try:
            InfraValidator.test_call(
                model=handed_over(model),
                transform_graph=handed_over(graphs[task]),
                examples=handed_over(stand_ins.write_examples(tmp_path / "examples", rows_of(task))),
                blessing=blessing,
                label=stand_ins.LABELS[label_of or task].model_dump_json(),
                split="eval",
                num_examples=16,
                tolerance=1e-4,
                timeout_seconds=60,
                warmup=1,
                code="",
                budgets=Budgets(**budgets).model_dump_json(),
            )
        except GateRefused as error:
            refused = error.reason
        blessing = handed_over(blessing)
        assert infra_blessing.is_blessed(blessing) is (refused is None)
        assert one_line(infra_blessing.reason(blessing)) == (refused or "")
        return refused

    return run


@pytest.mark.parametrize("task", TASKS)
def test_a_good_export_of_every_task_is_blessed(verdict, tmp_path, task):
    assert verdict(task, stand_ins.write_model(tmp_path / "model", stand_ins.LABELS[task])) is None


@pytest.mark.parametrize(
    ("budgets", "reason"),
    [
        ({"size_mb": 100, "memory_mb": 10_000, "latency_ms": 10_000}, None),
        ({"size_mb": 0.001}, "the export's size is 0.0"),
        ({"memory_mb": 0.001}, "the memory to load it and answer is "),
        ({"latency_ms": 1e-6}, "the median time of a request of one row is "),
    ],
)
def test_an_export_that_costs_more_than_its_budget_is_refused(verdict, tmp_path, budgets, reason):
    model = stand_ins.write_model(tmp_path / "model", stand_ins.LABELS["binary"])
    said = verdict("binary", model, **budgets)
    if reason is None:
        assert said is None
    else:
        assert said.startswith(reason)
        [(key, limit)] = budgets.items()
        assert said.endswith(f"above the maximum {limit:g} (gates.infra.budgets.{key})")


def test_a_platform_s_artifacts_are_read(verdict, tmp_path):
    model = stand_ins.write_model(tmp_path / "model", stand_ins.LABELS["binary"])
    assert verdict("binary", model, handed_over=on_a_platform) is None


@pytest.mark.parametrize("task", TASKS)
def test_an_export_of_other_weights_is_refused(verdict, tmp_path, task):
    label = stand_ins.LABELS[task]
    model = stand_ins.write_model(tmp_path / "model", label)
    stand_ins.keras_model(label, scale=1.1).save(tmp_path / "model" / KERAS_MODEL)
    assert "differs from the trained model by 0." in verdict(task, model)


@pytest.mark.parametrize("task", TASKS)
def test_every_output_of_every_signature_is_looked_at(graphs, tmp_path, task):
    stand_ins.write_model(tmp_path, stand_ins.LABELS[task])
    trained = TrainedModel(
        label=stand_ins.LABELS[task], keras_model=str(tmp_path / KERAS_MODEL), transform_graph=graphs[task].uri
    )
    expected = trained.answers([serialize(row) for row in rows_of(task)])
    assert compare(expected, expected, tolerance=1e-4) is None
    for signature, outputs in expected.items():
        for name, array in outputs.items():
            other = array[::-1] + 1 if array.dtype.kind != "O" else array[:, ::-1]
            wrong = {**expected, signature: {**outputs, name: other}}
            assert compare(wrong, expected, tolerance=1e-4).startswith(f"{name} of signature {signature} ")


@pytest.mark.parametrize(
    ("task", "lacking"),
    [("binary", "classify"), ("multiclass", "classify"), ("regression", "regress"), ("regression", "columnar")],
)
def test_an_export_without_a_signature_of_its_task_is_refused(verdict, tmp_path, task, lacking):
    model = stand_ins.write_model(tmp_path / "model", stand_ins.LABELS[task], without=[lacking])
    assert verdict(task, model).startswith(f"the export lacks the signature {lacking}; it has ")


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("nan", "prediction of signature columnar is nan for a row without 'z0'"),
        ("zero", "for a row without 'z0', prediction of signature columnar differs from the trained model by nan"),
        ("unnamed", "signature columnar fails for a row without 'z0': INVALID_ARGUMENT: assertion failed: "),
    ],
)
def test_an_export_that_takes_a_missing_value_for_another_is_refused_by_the_column_s_name(
    verdict, tmp_path, missing, reason
):
    model = stand_ins.write_model(tmp_path / "model", stand_ins.LABELS["regression"], missing=missing)
    assert verdict("regression", model).startswith(reason)


def test_a_column_is_left_out_at_a_time_and_then_all_of_them(graphs, tmp_path):
    stand_ins.write_model(tmp_path, stand_ins.LABELS["multiclass"], missing="nan")
    records = [serialize(row) for row in rows_of("multiclass")]
    with probing(str(tmp_path / "Format-Serving"), records, timeout_seconds=60, requests=["columnar"]) as probed:
        rows = [row for row in probed().unusual if row.words.startswith("without")]
    assert [row.columns for row in rows] == [("z0",), ("z1",), ("z2",), ("z0", "z1", "z2")]
    lacking = [set(tf.train.Example.FromString(row.record).features.feature) for row in rows]
    everything = {"z0", "z1", "z2", "y", "weight"}
    assert lacking == [everything - set(row.columns) for row in rows]
    for row in rows:
        assert np.isnan(row.answers["columnar"]["probabilities"]).any()


def test_an_export_that_answers_infinity_to_a_large_number_is_refused_with_number_and_column(verdict, tmp_path):
    model = stand_ins.write_model(tmp_path / "model", stand_ins.LABELS["regression"], scale=2.0)
    said = "prediction of signature columnar is inf for a row with 3.4028234663852886e+38 as 'z0'"
    assert verdict("regression", model) == said


def test_classes_of_other_names_are_refused(verdict, tmp_path):
    label = stand_ins.LABELS["named"].model_copy(update={"classes": ("ant", "bee", "dog")})
    model = stand_ins.write_model(tmp_path / "model", label)
    assert verdict("named", model) == ("classes of signature classify is dog, the trained model's is cow")


def test_an_export_of_another_task_is_refused(verdict, tmp_path):
    model = stand_ins.write_model(tmp_path / "model", stand_ins.LABELS["binary"])
    assert verdict("binary", model, label_of="regression").startswith("the export lacks the signature regress")


def test_without_the_trained_model_nothing_is_blessed(verdict, tmp_path):
    model = stand_ins.write_model(tmp_path / "model", stand_ins.LABELS["binary"])
    (tmp_path / "model" / KERAS_MODEL).unlink()
    assert verdict("binary", model).startswith(f"the trainer wrote no {KERAS_MODEL} beside the export")
    with pytest.raises(ProbeFailed):
        TrainedModel(label=stand_ins.LABELS["binary"], keras_model="/nowhere", transform_graph="/nowhere")


@pytest.mark.slow
def test_pictures_and_custom_layers_are_validated_in_a_process_that_knows_neither(tmp_path):
    parameters = Parameters(
        label={"column": "y", "task": "multiclass", "classes": 2},
        features={"pixels": {"kind": "image", "height": 8, "width": 8, "scale": 16.0}},
        model={"name": "lenet", "filters": [2], "hidden_units": [4]},
    )
    spec = {"pixels": tf.io.FixedLenFeature([64], tf.float32), "y": tf.io.FixedLenFeature([1], tf.int64)}
    rows = [{"pixels": [float(index * pixel % 17) for pixel in range(64)], "y": index % 2} for index in range(8)]
    exports.make(rows, spec, parameters, tmp_path, steps=2)
    records = [serialize(row) for row in rows]
    (tmp_path / "records").write_bytes(pickle.dumps(records))
    # This process has built the network, so its layers are registered here; a pipeline that took the training from
    # the cache has not.
    script = f"""
import pickle, pathlib
from components.gates.trained_model import TrainedModel
from trainer.parameters import Label
folder = pathlib.Path({str(tmp_path)!r})
trained = TrainedModel(
    label=Label.model_validate_json({parameters.label.model_dump_json()!r}),
    keras_model=str(folder / "model.keras"),
    transform_graph=str(folder / "transform"),
)
answers = trained.answers(pickle.loads((folder / "records").read_bytes()))
(folder / "answers").write_bytes(pickle.dumps(answers))
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path.cwd(), timeout=120)
    expected = pickle.loads((tmp_path / "answers").read_bytes())
    assert expected["columnar"]["probabilities"].shape == (8, 2)
    with probing(str(tmp_path / "saved_model"), records, timeout_seconds=60) as probed:
        assert compare(probed().answers, expected, tolerance=1e-4) is None


class Counted:
    """A model that tells what was run: the inputs' names and the rows."""

    def __init__(self, path):
        self._model = SavedModel(str(path))
        self.signatures = self._model.signatures
        self.runs: list[tuple[set[str], int]] = []

    def run(self, signature, inputs, **options):
        self.runs.append((set(inputs), len(next(iter(inputs.values())))))
        return self._model.run(signature, inputs, **options)


def test_a_pushed_model_has_answered_real_requests_before_its_first_caller_comes(small_model, tmp_path):
    saved_model, keras_model = tmp_path / "model" / "Format-Serving", tmp_path / "model" / KERAS_MODEL
    shutil.copytree(small_model.saved_model, saved_model)
    keras_model.parent.mkdir(exist_ok=True)
    shutil.copyfile(small_model.keras_model, keras_model)
    blessing = stand_ins.artifact(standard_artifacts.InfraBlessing, tmp_path / "blessing")
    InfraValidator.test_call(
        model=stand_ins.artifact(standard_artifacts.Model, tmp_path / "model", identity=7),
        transform_graph=stand_ins.artifact(standard_artifacts.TransformGraph, small_model.transform_graph),
        examples=stand_ins.write_examples(tmp_path / "examples", small_model.rows[:20]),
        blessing=blessing,
        label=PARAMETERS.label.model_dump_json(),
        split="eval",
        num_examples=16,
        tolerance=1e-4,
        timeout_seconds=60,
        warmup=1,
        code="",
    )
    assert infra_blessing.is_blessed(blessing), infra_blessing.reason(blessing)
    file = Path(blessing.uri) / warmup.WARMUP_FILE
    version, _ = push(source=saved_model, base_directory=str(tmp_path / "serving"), warmup=file)
    pushed = tmp_path / "serving" / str(version)
    model = Counted(pushed)
    assert warmup.replay(model, pushed) == 3
    columns = set(model.signatures["columnar"].inputs)
    assert model.runs == [(names, 1) for names in ({"inputs"}, columns, {"examples"})]
    logs = map(prediction_log_pb2.PredictionLog.FromString, tf.data.TFRecordDataset(str(file)).as_numpy_iterator())
    kinds = [log.WhichOneof("log_type") for log in logs]
    assert kinds == ["classify_log"] + ["predict_log"] * 2
    # The same model and the same examples again: nothing new to serve.
    assert push(source=saved_model, base_directory=str(tmp_path / "serving"), warmup=file) == (version, False)


def test_warm_up_requests_that_fail_are_found_before_the_push(tmp_path):
    model = Path(stand_ins.write_model(tmp_path / "model", stand_ins.LABELS["binary"]).uri) / "Format-Serving"
    # The graph answers as before, but a Regress call, and so the warm-up, wants an output of another name.
    saved = saved_model_pb2.SavedModel.FromString((model / "saved_model.pb").read_bytes())
    signature = saved.meta_graphs[0].signature_def["classify"]
    signature.method_name = tf.saved_model.REGRESS_METHOD_NAME
    (model / "saved_model.pb").write_bytes(saved.SerializeToString())
    records = [serialize(row) for row in rows_of("binary")]
    with probing(str(model), records, timeout_seconds=60) as probed:
        assert "classify" in probed().answers
    warm_up = WarmUp(signatures=["classify"], folder=tmp_path / "blessing")
    with (
        probing(str(model), records, timeout_seconds=60, warm_up=warm_up) as probed,
        pytest.raises(ProbeFailed, match="the export fails as TF Serving would load it: StatusError: "),
    ):
        probed()


def answers_with(**outputs):
    probability = {"probability": np.array([[0.5]])}
    answers = {"serving_default": probability, "columnar": probability, "transform_features": {"x": np.array([[1]])}}
    return {**answers, "serving_default": outputs}


def test_differences_name_signature_and_output():
    probability = {"probability": np.array([[0.51]])}
    features = {"x": np.array([[1]])}
    expected = {"serving_default": probability, "columnar": probability, "transform_features": features}
    good = answers_with(probability=np.array([[0.515]]))
    assert compare(good, expected, tolerance=0.1) is None
    assert compare({**good, "of_their_own": {}}, expected, tolerance=0.1) is None
    assert "probability of signature columnar differs" in compare(good, expected, tolerance=0.008)
    wrong = answers_with(score=np.array([[0.5]]))
    assert "returns ['score'], not ['probability']" in compare(wrong, expected, tolerance=1)
    assert "differs" in compare(answers_with(probability=np.array([[np.nan]])), expected, tolerance=1)
    assert "has shape (1,)" in compare(answers_with(probability=np.array([0.5])), expected, tolerance=1)
    assert "is of type int64" in compare(answers_with(probability=np.array([[1]])), expected, tolerance=1)


def test_an_id_is_right_or_wrong_and_a_large_number_right_to_so_many_digits():
    def difference(now, wanted):
        return compare({"s": {"x": np.array([[now]])}}, {"s": {"x": np.array([[wanted]])}}, tolerance=1e-4)

    assert difference(100_001, 100_000) == "x of signature s is 100001, the trained model's is 100000"
    assert difference(1_000_001.0, 1_000_000.0) is None
    assert (
        difference(1_000_200.0, 1_000_000.0)
        == "x of signature s differs from the trained model by 0.0002, more than the tolerance 0.0001"
    )
    assert difference(0.0002, 0.0) is not None
