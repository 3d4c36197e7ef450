"""The taxi pipeline with TF Lite files: evaluated and pushed beside the SavedModel, or refused, and nothing is pushed.

The tests run in the order of this file.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.example_gen.shards import read_records
from components.gates.evaluation import ALL_EXAMPLES, CANDIDATE, metrics_by_slice
from serving.versions import version_folders
from tests.e2e.projects.project import Outcome, Project
from tests.shared.folder_digest import digest
from trainer.export import lite
from trainer.export.saved_model import TRANSFORM_FEATURES

pytestmark = pytest.mark.tensorflow

SWITCH = "lite={thresholds: [{metric: auc, max_loss: 0.005}, {metric: accuracy, max_loss: 0.01}]}"
NODES = [f"Lite{step}_{variant}" for variant in ("float32", "int8") for step in ("Export", "Eval", "Gate")]


@pytest.fixture(scope="module")
def with_lite(first, project) -> Outcome:
    """The first run again, with TF Lite files."""
    outcome = project.run("--set", SWITCH)
    assert outcome.code == 0, outcome.err
    return outcome


def lite_folder(project: Project) -> Path:
    return project.folder / "runs" / "taxi" / "serving_lite" / "taxi"


def newest(folder: Path) -> Path:
    return max(folder.iterdir(), key=lambda path: int(path.name))


@pytest.mark.slow
def test_each_variant_is_judged_before_the_push(with_lite):
    marks = with_lite.nodes()
    line = r"^  TF Lite     float32 \d+.*kB, auc 0\.9\d+; int8 .*  in runs/taxi/serving_lite/"
    assert re.search(line, with_lite.out, re.M)
    assert [marks.get(node) for node in [*NODES, "Pusher", "LitePusher"]] == ["✓"] * 8
    order = list(marks)
    assert max(order.index(node) for node in NODES) < order.index("Pusher") < order.index("LitePusher")


@pytest.mark.slow
def test_the_evaluator_knows_each_variant_beside_the_savedmodel(with_lite, project):
    artifacts = project.folder / "runs" / "taxi" / "artifacts"
    auc = {
        node: metrics_by_slice(str(newest(artifacts / node / "evaluation")), CANDIDATE)[ALL_EXAMPLES]["auc"]
        for node in ("Evaluator", "LiteEval_float32", "LiteEval_int8")
    }
    assert auc["LiteEval_float32"] == pytest.approx(auc["Evaluator"], abs=1e-5)
    assert auc["LiteEval_int8"] == pytest.approx(auc["Evaluator"], abs=5e-3)
    assert len(set(auc.values())) > 1


@pytest.mark.slow
def test_the_pushed_files_answer_as_the_served_model_behind_its_own_transform(with_lite, project):
    [pushed] = version_folders.find(lite_folder(project)).values()
    about = json.loads((pushed / "lite.json").read_text())
    served = tf.saved_model.load(str(project.serving_folder / about["saved_model_version"]))
    examples = newest(project.folder / "runs" / "taxi" / "artifacts" / "ExampleGen" / "examples") / "Split-eval"
    records = tf.constant(read_records(str(examples), limit=100))
    expected = served.signatures["serving_default"](records)["probability"].numpy()
    transformed = served.signatures[TRANSFORM_FEATURES](records)
    for name, bound in (("model_float32.tflite", 1e-5), ("model_int8.tflite", 0.2)):
        features = {feature: transformed[feature].numpy() for feature in about["files"][name]["inputs"]}
        answers = lite.predict((pushed / name).read_bytes(), features)
        assert np.max(np.abs(answers - expected)) < bound


@pytest.mark.slow
def test_without_a_change_nothing_is_pushed_again(with_lite, project):
    before = digest(lite_folder(project))
    outcome = project.run("--set", SWITCH)
    assert outcome.code == 0, outcome.err
    assert outcome.nodes()["LiteExport_int8"] == "="
    assert digest(lite_folder(project)) == before


@pytest.mark.slow
def test_a_variant_that_loses_too_much_stops_the_push_of_everything(with_lite, project):
    before = project.served(), digest(lite_folder(project))
    # One example shows int8 nothing of the range of the values: all others are cut off.
    words = ["--set", SWITCH, "--set", "lite.num_representative=1", "--set", "trainer.model.dropout=0.3"]
    outcome = project.run(*words)
    assert outcome.code == 3, outcome.out + outcome.err
    [line] = outcome.err.splitlines()
    assert line.startswith("LiteGate_int8 refused: the int8 TF Lite model: ")
    assert "accuracy is " in line
    assert "worse than the SavedModel's" in line
    assert "Pusher" not in outcome.nodes()
    assert (project.served(), digest(lite_folder(project))) == before


@pytest.mark.slow
def test_the_baseline_is_the_savedmodel_and_not_what_was_pushed_for_devices(with_lite, project):
    good = project.run("--set", SWITCH, "--set", "trainer.model.dropout=0.3")
    assert good.code == 0, good.err
    assert " against " in good.out
