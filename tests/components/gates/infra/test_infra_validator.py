"""Real exports of every task, exports that are wrong in one place, and the warm-up that a blessed one brings."""

from __future__ import annotations

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2
from tfx.types import standard_artifacts

from components.gates import infra_blessing
from components.gates.budgets import Budgets
from components.gates.model.scored_rows import ScoredRows
from components.gates.trained_model import TrainedModel
from components.messages import one_line
from components.push.pusher import push
from components.refusal import GateRefused
from serving.inference import warmup
from serving.inference.engine import SavedModel
from serving.inference.probe import ProbeFailed, WarmUp, probing
from tests.components.gates.infra.validation import TASKS, rows_of, validate
from tests.components.platform_artifacts import on_a_platform
from tests.shared import stand_ins
from tests.shared.models.small_model import PARAMETERS, serialize
from trainer.parameters import KERAS_MODEL

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def verdict(graphs, tmp_path):
    """Runs InfraValidator on a model; None where it blessed, else the reason."""

    def run(task, model, *, handed_over=lambda artifact: artifact, evaluated=None, **budgets: float) -> str | None:
        blessing = stand_ins.artifact(standard_artifacts.InfraBlessing, tmp_path / "blessing")
        refused = None
        try:
            validate(
                stand_ins.LABELS[task],
                model=handed_over(model),
                transform_graph=handed_over(graphs[task]),
                examples=handed_over(stand_ins.write_examples(tmp_path / "examples", rows_of(task))),
                blessing=blessing,
                budgets=Budgets(**budgets).model_dump_json(),
                **(evaluated or {}),
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


def save_odd_model(folder: Path) -> None:
    """The export's regression, but for values between 40 and 60."""
    model = stand_ins.keras_model(stand_ins.LABELS["regression"], scale=1.0)
    above = keras.layers.Activation("hard_sigmoid")(keras.layers.Rescaling(1, offset=-40)(model.output))
    below = keras.layers.Activation("hard_sigmoid")(keras.layers.Rescaling(-1, offset=60)(model.output))
    keras.Model(model.inputs, model.output + above * below).save(folder / KERAS_MODEL)


@pytest.mark.parametrize(("num_worst", "refused"), [(0, False), (1, True)])
def test_the_worst_mistakes_are_among_the_examples(verdict, tmp_path, num_worst, refused):
    label = stand_ins.LABELS["regression"]
    model = stand_ins.write_model(tmp_path / "model", label)
    save_odd_model(tmp_path / "model")
    (tmp_path / "evaluation").mkdir()
    rows = [{"z0": z0, "y": -2.5, "weight": 1.0} for z0 in (0.0, 50.0, 1.0)]
    ScoredRows(
        hashes=np.arange(3, dtype=np.uint64),
        labels=np.full(3, -2.5),
        weights=np.ones(3),
        predictions={"": np.array([[0.0], [51.0], [1.0]], np.float32)},
        records=tuple(map(serialize, rows)),
    ).save(str(tmp_path / "evaluation"))
    evaluation = stand_ins.artifact(standard_artifacts.ModelEvaluation, tmp_path / "evaluation")
    said = verdict("regression", model, evaluated={"evaluation": evaluation, "num_worst": num_worst})
    assert (said is not None) is refused
    if refused:
        assert "differs from the trained model by 0.0196" in said


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


def test_without_the_trained_model_nothing_is_blessed(verdict, tmp_path):
    model = stand_ins.write_model(tmp_path / "model", stand_ins.LABELS["binary"])
    (tmp_path / "model" / KERAS_MODEL).unlink()
    assert verdict("binary", model).startswith(f"the trainer wrote no {KERAS_MODEL} beside the export")
    with pytest.raises(ProbeFailed):
        TrainedModel(label=stand_ins.LABELS["binary"], keras_model="/nowhere", transform_graph="/nowhere")


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
    validate(
        PARAMETERS.label,
        model=stand_ins.artifact(standard_artifacts.Model, tmp_path / "model", identity=7),
        transform_graph=stand_ins.artifact(standard_artifacts.TransformGraph, small_model.transform_graph),
        examples=stand_ins.write_examples(tmp_path / "examples", small_model.rows[:20]),
        blessing=blessing,
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
