"""The taxi pipeline, compiled for Kubeflow Pipelines, run from its YAML: six runs, one after the other.

The object store is a folder, and the backend one of this machine (see `tests.kubeflow.backend`): it tells no types of
inputs, copies artifacts in and out of pods that share nothing else, and shows volumes only where they are mounted.
"""

from __future__ import annotations

import csv
import io
import json
import re

import pytest

from tests.kubeflow.backend import answers, taxi
from tests.kubeflow.backend.taxi import NODES, UNCACHED, KubeflowWorld
from tests.shared.folder_digest import digest

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return KubeflowWorld(tmp_path_factory.mktemp("kubeflow") / "world")


@pytest.fixture(scope="module")
def first(world):
    return world.pushed(fresh=["SchemaGen"])


@pytest.fixture(scope="module")
def second(world, first):
    """Other trips, by a runtime parameter; and the pod of Transform's first attempt is lost."""
    return world.pushed(parameters={"data_path": "data/more"}, killed=["Transform"])


@pytest.fixture(scope="module")
def again(world, second):
    return world.pushed(parameters={"data_path": "data/more"})


@pytest.fixture(scope="module")
def too_bad(world, again):
    run = world.run(taxi.IMPOSSIBLE, parameters={"data_path": "data/more"})
    return run, world.kept()


@pytest.fixture(scope="module")
def moved(world, too_bad):
    """Trips in metres: the schema allows them, but no served model has seen such data."""
    trips = world.folder / "image" / "data" / "more" / "trips.csv"
    miles = trips.read_text()
    header, *rows = csv.reader(io.StringIO(miles))
    place = header.index("trip_miles")
    metres = [[*row[:place], str(float(row[place] or 0) * 1609), *row[place + 1 :]] for row in rows]
    with trips.open("w", newline="") as file:
        csv.writer(file).writerows([header, *metres])
    run = world.run(parameters={"data_path": "data/more"})
    trips.write_text(miles)
    return run, world.kept()


@pytest.fixture(scope="module")
def refused(world, moved):
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
    # The Evaluator's baseline is what has been pushed since, and InfraValidator sends what it found.
    ran = UNCACHED | {"Evaluator", "InfraValidator", "tfx-dag"}
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
def test_the_served_model_is_judged_by_what_it_reached_when_it_was_pushed(world, first, second):
    (former, _), (run, _) = first, second
    kept = world.files(run, "ServedEvaluation", "evaluation")
    assert digest(kept) == digest(world.files(former, "Evaluator", "evaluation"))
    assert "is not known" not in "".join(run.tasks["ModelGate"].logs)


@pytest.mark.slow
def test_data_that_moved_from_those_of_the_served_model_end_the_run_and_change_nothing(too_bad, moved):
    (_, before), (run, after) = too_bad, moved
    gate = run.tasks["DataGate"]
    assert gate.codes == [3], run.said()
    assert re.search(r"trip_miles: has moved by 0\.\d+ from the data of the served model", gate.logs[0])
    assert after == before


@pytest.mark.slow
def test_bad_data_end_the_run_and_change_nothing(moved, refused):
    (_, before), (run, after) = moved, refused
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
        ("taxi-6", "FAILED"),
    ]
