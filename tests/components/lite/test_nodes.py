"""The nodes: what is exported and how it is evaluated, which loss is refused, and what is pushed."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import pytest
from tfx.types import standard_artifacts

from components.gates.evaluation import ALL_EXAMPLES, CANDIDATE, EXAMPLE_COUNT, metrics_by_slice
from components.lite.export import LiteExport, description, model_file
from components.lite.gate import LiteGate, excessive_losses
from components.lite.pusher import LitePusher
from components.refusal import GateRefused
from pipeline.config.gates.metrics import METRICS
from pipeline.config.lite import LiteThreshold
from pipeline.config.loading import ConfigError
from pipeline.nodes.lite import lite_eval_config
from tests.components.lite.world import CASES, ROWS, served
from tests.shared.stand_ins import artifact
from trainer import models
from trainer.export import lite
from trainer.parameters import KERAS_MODEL

pytestmark = pytest.mark.tensorflow


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_the_evaluator_finds_what_the_file_says(world, variant):
    made = world.export(variant)
    found = metrics_by_slice(world.evaluate(made).uri, CANDIDATE)
    answers = lite.predict(model_file(made.uri).read_bytes(), world.inputs)
    right = {
        "binary": lambda: (answers > 0.5) == (world.label > 0.5),
        "multiclass": lambda: np.argmax(answers, axis=1, keepdims=True) == world.label,
        "regression": lambda: np.abs(answers - world.label),
    }[world.case.label.task]()
    assert found.keys() == {ALL_EXAMPLES}
    assert found[ALL_EXAMPLES][EXAMPLE_COUNT] == ROWS
    # TFMA's interpreter leaves out the default delegate, which rounds integers in another way.
    tolerance = {"float32": 1e-5, "int8": 0.02}[variant]
    expected = np.average(right, weights=world.weight)
    assert found[ALL_EXAMPLES][world.case.metric] == pytest.approx(expected, rel=tolerance)
    assert np.average(right) != pytest.approx(expected, rel=2 * tolerance) or variant == "int8"


def test_the_gate_passes_a_good_file_and_refuses_another_model_s(world):
    reference = world.evaluate(world.export("float32"))
    good = world.evaluate(world.export("int8"))
    untrained = models.build(world.case.network, features=world.case.features, units=world.head.units)
    bad = world.evaluate(world.export("int8", model=untrained))
    better = METRICS[world.case.label.task][world.case.metric].higher_is_better
    limit = {"metric": world.case.metric, "max_loss": 0.05, "higher_is_better": better}
    LiteGate.test_call(evaluation=good, reference=reference, variant="int8", thresholds=json.dumps([limit]))
    with pytest.raises(GateRefused) as refused:
        LiteGate.test_call(evaluation=bad, reference=reference, variant="int8", thresholds=json.dumps([limit]))
    assert refused.value.reason.startswith(f"the int8 TF Lite model: {world.case.metric} is ")
    assert "more than the allowed 0.05" in refused.value.reason


def losses(*, lite: dict, reference: dict, max_loss: float, higher_is_better: bool = True) -> list[str]:
    limit = {"metric": "m", "max_loss": max_loss, "higher_is_better": higher_is_better}
    counts = {EXAMPLE_COUNT: 10.0}
    return list(excessive_losses([limit], lite={**counts, **lite}, reference={**counts, **reference}))


def test_a_loss_is_a_fall_or_for_errors_a_rise():
    assert losses(lite={"m": 0.9}, reference={"m": 0.95}, max_loss=0.01) == [
        "m is 0.9000, 0.05 worse than the SavedModel's 0.9500, more than the allowed 0.01"
    ]
    assert not losses(lite={"m": 0.99}, reference={"m": 0.95}, max_loss=0.0)
    assert not losses(lite={"m": 0.9}, reference={"m": 0.95}, max_loss=0.0, higher_is_better=False)
    assert losses(lite={"m": 0.99}, reference={"m": 0.95}, max_loss=0.01, higher_is_better=False)


def test_a_loss_of_just_what_is_allowed_passes():
    assert not losses(lite={"m": 0.945}, reference={"m": 0.95}, max_loss=0.005)


def test_a_metric_without_a_value_refuses():
    assert losses(lite={}, reference={"m": 0.5}, max_loss=1.0)
    assert losses(lite={"m": float("nan")}, reference={"m": 0.5}, max_loss=1.0)


def test_evaluations_of_different_examples_are_not_compared():
    [reason] = losses(lite={"m": 0.5, EXAMPLE_COUNT: 9.0}, reference={"m": 0.5}, max_loss=1.0)
    assert reason == "it was evaluated on 9 examples, the SavedModel on 10"


def test_a_limit_on_a_metric_that_is_not_computed_is_refused_beforehand():
    with pytest.raises(ConfigError, match=r"lite\.thresholds\.0\.metric.*'auc', but by accuracy"):
        lite_eval_config(served(CASES["binary"]), thresholds=[LiteThreshold(metric="auc", max_loss=0.1)])


def test_the_export_describes_its_file(world):
    made = world.export("int8")
    about = description(made.uri)
    content = model_file(made.uri).read_bytes()
    assert (about["variant"], about["bytes"], about["output"]) == ("int8", len(content), world.head.output)
    assert about["inputs"] == {
        name: {"dtype": array.dtype.name, "shape": [None, *array.shape[1:]]}
        for name, array in sorted(world.inputs.items())
    }
    assert about["microseconds_per_row"] > 0
    differences = np.abs(lite.predict(content, world.inputs) - world.answers())
    assert np.mean(differences) < 0.05 * world.answers().std()


def test_without_the_keras_file_the_export_says_where_it_should_be(world, tmp_path):
    with pytest.raises(ValueError, match=KERAS_MODEL):
        LiteExport.test_call(
            model=artifact(standard_artifacts.Model, tmp_path),
            transform_graph=artifact(standard_artifacts.TransformGraph, world.folder / "transform"),
            transformed_examples=world.examples(),
            lite_model=artifact(standard_artifacts.Model, tmp_path / "lite"),
            label=world.case.label.model_dump_json(),
            variant="float32",
            num_representative=1,
            code="",
        )


def test_all_variants_are_pushed_together_readable_by_all_and_once(world, tmp_path):
    pushed_model = artifact(standard_artifacts.PushedModel, tmp_path / "pushed")
    pushed_model.set_string_custom_property("pushed_version", "17")

    def push() -> standard_artifacts.PushedModel:
        pushed = artifact(standard_artifacts.PushedModel, tmp_path / "pushed_lite")
        LitePusher.test_call(
            float32=world.export("float32"),
            int8=world.export("int8"),
            pushed_model=pushed_model,
            pushed_lite=pushed,
            base_directory=str(tmp_path / "serving_lite"),
        )
        return pushed

    first, second = push(), push()
    folder = Path(first.get_string_custom_property("pushed_destination"))
    assert second.get_string_custom_property("pushed_destination") == str(folder)
    assert [push.get_int_custom_property("newly_pushed") for push in (first, second)] == [1, 0]
    assert sorted(path.name for path in folder.iterdir()) == ["lite.json", "model_float32.tflite", "model_int8.tflite"]
    assert stat.S_IMODE(folder.stat().st_mode) & stat.S_IROTH
    about = json.loads((folder / "lite.json").read_text())
    assert about["saved_model_version"] == "17"
    for name, file in about["files"].items():
        content = (folder / name).read_bytes()
        assert content == model_file(world.export(file["variant"]).uri).read_bytes()
        assert file["bytes"] == len(content)
