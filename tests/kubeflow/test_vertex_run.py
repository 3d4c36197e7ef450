"""The taxi pipeline, compiled for Vertex AI Pipelines, run from its YAML: three runs, one after the other.

The bucket is an emulator's, and the backend one of this machine (see `tests.kubeflow.backend`); the containers' command
lines and all that they do are the real ones.
"""

from __future__ import annotations

import json

import pytest

from tests.kubeflow.backend import answers, taxi
from tests.kubeflow.backend.taxi import NODES, UNCACHED
from tests.kubeflow.backend.vertex import VertexWorld, bucket

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vertex")
    with (
        bucket(folder / "gcs") as storage,
        VertexWorld(folder / "world", storage=storage, overrides=["platform.training=null"]) as world,
    ):
        yield world


@pytest.fixture(scope="module")
def first(world):
    return world.pushed(fresh=["DataGate"])


@pytest.fixture(scope="module")
def second(world, first):
    """Another seed; and the machine of the Trainer's first attempt is lost."""
    return world.pushed("trainer.loop.seed=1", killed=["Trainer"])


@pytest.fixture(scope="module")
def refused(world, second):
    run = world.run("trainer.loop.seed=1", taxi.IMPOSSIBLE)
    return run, world.kept()


def test_the_first_run_pushes_a_model_that_answers(world, first, tmp_path):
    run, kept = first
    assert run.states() == dict.fromkeys([*NODES, "tfx-dag", "ExitNotice"], "SUCCEEDED"), run.said()
    assert len(kept.versions) == 1
    assert answers.served_version(world.serving, tmp_path) == kept.versions[-1]


def test_the_first_run_has_nothing_to_compare_with(world, first):
    run, _ = first
    candidate, baseline = answers.auc(world.files(run, "Evaluator", "evaluation"))
    assert candidate > 0.6
    assert baseline is None


def test_the_second_run_is_compared_with_what_the_first_pushed(world, first, second, tmp_path):
    (before, former), (run, kept) = first, second
    pushed, _ = answers.auc(world.files(before, "Evaluator", "evaluation"))
    candidate, baseline = answers.auc(world.files(run, "Evaluator", "evaluation"))
    assert baseline == pushed
    assert candidate != pushed
    assert kept.versions == [*former.versions, kept.versions[-1]]
    assert kept.versions[-1] > former.versions[-1]
    assert kept.champion != former.champion
    assert answers.served_version(world.serving, tmp_path) == kept.versions[-1]


def test_what_did_not_change_comes_from_the_cache(second):
    run, _ = second
    again = UNCACHED | {"Trainer", "Evaluator", "InfraValidator", "tfx-dag"}
    assert run.states() == {name: "SUCCEEDED" if name in again else "CACHED" for name in run.tasks}, run.said()


def test_a_task_that_dies_is_tried_again(second):
    run, _ = second
    assert run.tasks["Trainer"].codes == [-9, 0]


def test_a_refusal_ends_the_run_and_changes_nothing(world, second, refused):
    (_, before), (run, after) = second, refused
    gate = run.tasks["ModelGate"]
    assert gate.codes == [3], run.said()
    last = gate.logs[0].splitlines()[-1]
    assert last.startswith("ModelGate refused: auc of all examples is 0.")
    assert last.endswith("below the minimum 0.9999")
    ended = {"InfraValidator": "NOT_TRIGGERED", "Pusher": "NOT_TRIGGERED", "tfx-dag": "FAILED"}
    assert ended.items() <= run.states().items()
    assert after == before


def test_every_run_leaves_a_notice(world, first, second, refused):
    ended = [json.loads(file.read_text()) for file in sorted((world.state / "ended").iterdir())]
    assert [(notice["run"], notice["state"]) for notice in ended] == [
        ("taxi-1", "SUCCEEDED"),
        ("taxi-2", "SUCCEEDED"),
        ("taxi-3", "FAILED"),
    ]
    assert "ModelGate" in ended[-1]["error"]["message"]


def test_nothing_but_finished_outputs_lies_in_the_bucket(world, second):
    run, _ = second
    folder = world.files(run, "Trainer", "model").parent
    assert sorted(path.name for path in folder.iterdir()) == ["executor_output.json", "model", "model_run"]


def test_two_workers_of_a_custom_job_make_one_model(world, second):
    """The rest of the run is the proof that the model is whole: it is evaluated, served, compared and pushed."""
    _, before = second
    run = world.run("trainer.loop.seed=2", "platform.training={machine_type: n1-standard-4, workers: 2}")
    said = {name: log.read_text()[-2000:] for name, log in world.workers.logs.items()}
    assert run.tasks["tfx-dag"].state == "SUCCEEDED", run.said() + str(said)
    assert sorted(said) == ["workerpool0-0", "workerpool1-0"]
    candidate, _ = answers.auc(world.files(run, "Evaluator", "evaluation"))
    assert candidate > 0.6
    assert world.kept().versions[:-1] == before.versions
