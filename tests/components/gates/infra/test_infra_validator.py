"""Infra validation of real exports of every task, and of exports that are wrong in one place."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.gates import infra_blessing
from components.gates.budgets import Budgets
from components.gates.trained_model import TrainedModel
from components.messages import one_line
from components.refusal import GateRefused
from serving.inference.probe import ProbeFailed, probing
from tests.components.gates.infra.validation import TASKS, rows_of, validate
from tests.components.platform_artifacts import on_a_platform
from tests.shared import stand_ins
from tests.shared.models.small_model import serialize
from trainer.parameters import KERAS_MODEL

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def verdict(graphs, tmp_path):
    """Runs InfraValidator on a model; None where it blessed, else the reason."""

    def run(task, model, *, handed_over=lambda artifact: artifact, **budgets: float) -> str | None:
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
