"""The taxi pipeline, compiled for Kubeflow Pipelines, run from its YAML: five runs, one after the other.

The object store is a folder, and the backend one of this machine (see `tests.kubeflow.backend`): it tells no types of
inputs, copies artifacts in and out of pods that share nothing else, and shows volumes only where they are mounted.
"""

from __future__ import annotations

import json

import pytest

from tests.kubeflow.backend import answers, taxi
from tests.kubeflow.backend.taxi import NODES, UNCACHED, KubeflowWorld

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return KubeflowWorld(tmp_path_factory.mktemp("kubeflow") / "world")


@pytest.fixture(scope="module")
def first(world):
    run = world.run(fresh=["SchemaGen"])
    return run, world.pushed(run)


@pytest.fixture(scope="module")
def second(world, first):
    """Other trips, by a runtime parameter; and the pod of Transform's first attempt is lost."""
    run = world.run(parameters={"data_path": "data/more"}, killed=["Transform"])
    return run, world.pushed(run)


@pytest.fixture(scope="module")
def again(world, second):
    run = world.run(parameters={"data_path": "data/more"})
    return run, world.pushed(run)


@pytest.fixture(scope="module")
def too_bad(world, again):
    run = world.run(taxi.IMPOSSIBLE, parameters={"data_path": "data/more"})
    return run, world.kept()


@pytest.fixture(scope="module")
def refused(world, too_bad):
    """Trips of a company town: the data are not what the schema says."""
    trips = world.folder / "image" / "data" / "more" / "trips.csv"
    trips.write_text(trips.read_text().replace("Credit Card", "Seashells"))
    run = world.run(parameters={"data_path": "data/more"})
    return run, world.kept()


def test_the_first_run_pushes_a_model_that_answers(world, first, tmp_path):
    run, kept = first
    assert run.states() == dict.fromkeys([*NODES, "tfx-dag", "ExitNotice"], "SUCCEEDED"), run.said()
    assert len(kept.versions) == 1
    assert answers.served_version(world.serving, tmp_path) == kept.versions[-1]


@pytest.mark.slow
def test_the_second_run_has_other_data_and_is_compared_with_the_first(world, first, second, tmp_path):
    (_, former), (run, kept) = first, second
    candidate, baseline = answers.auc(world.files(run, "Evaluator", "evaluation"))
    assert candidate > 0.6
    assert baseline > 0.6
    assert candidate != baseline
    assert kept.versions == [*former.versions, kept.versions[-1]]
    assert kept.champion != former.champion
    assert answers.served_version(world.serving, tmp_path) == kept.versions[-1]


@pytest.mark.slow
def test_only_what_hangs_on_no_data_comes_from_the_cache_where_the_data_are_others(second, refused):
    for run, _ in (second, refused):
        assert [name for name, state in run.states().items() if state == "CACHED"] == ["SchemaGen"]


@pytest.mark.slow
def test_equal_data_is_neither_read_nor_trained_on_again(second, again):
    (before, former), (run, kept) = second, again
    # The Evaluator's baseline is what has been pushed since.
    ran = UNCACHED | {"Evaluator", "tfx-dag"}
    assert run.states() == {name: "SUCCEEDED" if name in ran else "CACHED" for name in run.tasks}, run.said()
    assert run.tasks["DataFingerprint"].parameters == before.tasks["DataFingerprint"].parameters
    assert kept.versions == former.versions


@pytest.mark.slow
def test_a_model_that_misses_its_limit_ends_the_run_and_changes_nothing(again, too_bad):
    (_, before), (run, after) = again, too_bad
    gate = run.tasks["ModelGate"]
    assert gate.codes == [3], run.said()
    last = gate.logs[0].splitlines()[-1]
    assert last.startswith("ModelGate refused: auc of all examples is 0.")
    assert last.endswith("below the minimum 0.9999")
    assert run.tasks["Trainer"].state == "CACHED"
    ended = {"InfraValidator": "NOT_TRIGGERED", "Pusher": "NOT_TRIGGERED", "tfx-dag": "FAILED"}
    assert ended.items() <= run.states().items()
    assert after == before


@pytest.mark.slow
def test_a_task_that_dies_is_tried_again(second):
    run, _ = second
    assert run.tasks["Transform"].codes == [-9, 0]


@pytest.mark.slow
def test_bad_data_end_the_run_and_change_nothing(too_bad, refused):
    (_, before), (run, after) = too_bad, refused
    gate = run.tasks["DataGate"]
    assert gate.codes == [3], run.said()
    assert gate.logs[0].splitlines()[-1].startswith("DataGate refused: ")
    assert "payment_type" in gate.logs[0].splitlines()[-1]
    states = run.states()
    after_the_gate = NODES[NODES.index("Transform") :]
    assert {name: states[name] for name in after_the_gate} == dict.fromkeys(after_the_gate, "NOT_TRIGGERED")
    assert states["tfx-dag"] == "FAILED"
    assert after == before


@pytest.mark.slow
def test_every_run_leaves_a_notice(world, refused):
    ended = [json.loads(file.read_text()) for file in sorted((world.state / "ended").iterdir())]
    assert [(notice["run"], notice["state"]) for notice in ended] == [
        ("taxi-1", "SUCCEEDED"),
        ("taxi-2", "SUCCEEDED"),
        ("taxi-3", "SUCCEEDED"),
        ("taxi-4", "FAILED"),
        ("taxi-5", "FAILED"),
    ]
