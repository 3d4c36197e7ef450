"""The same pipeline again: killed, interrupted, edited, in part, and past a gate for a reason.

The tests run in the order of this file, after those of ``test_gates.py``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

from pipeline.running import metadata
from tests.e2e.projects.verdicts import NODES, assert_refused, versions

pytestmark = pytest.mark.tensorflow


@pytest.mark.slow
def test_a_killed_run_is_taken_up_again_by_the_next(project, first):
    before, pushed = project.served(), versions(project)
    words = ("--set", "trainer.loop.seed=2")
    process = project.start(*words)
    wait_for_line(process, "Transform")
    time.sleep(1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert project.served() == before
    # A process that outlives the run for a moment holds its lock.
    wait_for_end_of_processes_in(project.folder)
    assert "killed in Tra" in project.status()
    outcome = project.run(*words)
    assert outcome.code == 0, outcome.err
    assert (outcome.nodes()["Transform"], outcome.nodes()["Trainer"]) == ("=", "✓")
    assert len(versions(project)) == len(pushed) + 1


def wait_for_line(process: subprocess.Popen, text: str) -> None:
    while text not in process.stdout.readline():
        assert process.poll() is None


@pytest.mark.slow
def test_ctrl_c_ends_a_run_before_its_push(project, first):
    before = project.served()
    process = project.start("--set", "trainer.loop.seed=3", "--set", "trainer.loop.epochs=1")
    wait_for_line(process, "Transform")
    time.sleep(1.5)
    # A terminal sends it to every process of the session.
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err == "interrupted; nothing is half-pushed, and the next run resumes after the last finished node.\n"
    assert "Pusher" not in out
    assert project.served() == before
    wait_for_end_of_processes_in(project.folder)


def wait_for_end_of_processes_in(folder: Path) -> None:
    """A killed run must not leave its model server behind."""
    deadline = time.monotonic() + 30
    while [process for process in psutil.process_iter(["cwd"]) if process.info["cwd"] == str(folder)]:
        assert time.monotonic() < deadline, "a process of the killed run is still there"
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize("file_format", ["parquet", "arrow", "tfrecord"])
def test_other_formats_give_the_same_data(project, first, file_format):
    folder = project.folder / "data" / file_format
    folder.mkdir()
    if file_format != "tfrecord":
        trips = pd.read_csv(project.folder / "data/taxi/trips.csv").convert_dtypes()
        floats = ["fare", "trip_miles", "tips", *(name for name in trips if "itude" in name)]
        trips = trips.astype(dict.fromkeys(floats, "Float32"))
        if file_format == "parquet":
            trips.to_parquet(folder / "trips.parquet", row_group_size=4000)
        else:
            trips.to_feather(folder / "trips.arrow", compression="uncompressed")
    else:
        for path in (project.folder / "runs/taxi/artifacts/ExampleGen/examples/1").rglob("*.gz"):
            (folder / f"{path.parent.name}.tfrecord.gz").write_bytes(path.read_bytes())
    outcome = project.run(
        "--set", f"data.path=data/{file_format}", "--set", f"data.format={file_format}", "--to", "DataGate"
    )
    assert outcome.code == 0, outcome.out + outcome.err
    assert outcome.nodes()["ExampleGen"] == "✓"
    assert outcome.nodes()["DataGate"] == "✓"


@pytest.mark.slow
def test_schema_and_features_are_inferred_where_none_are_given(project, first):
    outcome = project.run("--set", "schema=null", "--set", "features=null", "--to", "Trainer")
    assert outcome.code == 0, outcome.err
    assert outcome.nodes()["Trainer"] == "✓"
    assert "eval auc 0.9" in outcome.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "invalidated"),
    [("trainer/models/wide_and_deep.py", {"Trainer"}), ("trainer/preprocessing.py", {"Transform", "Trainer"})],
)
def test_an_edit_of_the_trainer_invalidates_what_depends_on_it(project, first, file, invalidated):
    path = project.folder / file
    path.write_text(path.read_text() + "\n# An edit that changes nothing.\n")
    marks = project.run("--to", "Trainer").nodes()
    cached = {"ExampleGen", "SchemaGen", "StatisticsGen", "ExampleValidator", "Transform", "Trainer"} - invalidated
    assert {node for node in NODES if marks[node] == "="} == cached
    assert {node for node in invalidated if marks[node] == "✓"} == invalidated


@pytest.mark.slow
def test_a_part_runs_on_what_an_earlier_run_made(project, first):
    outcome = project.run("--from", "Baseline", "--to", "ModelGate")
    assert outcome.code == 0, outcome.err
    marks = outcome.nodes()
    assert {node for node in NODES if marks[node] != "·"} == {"Baseline", "Evaluator", "ServedEvaluation", "ModelGate"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--from", "Teacher"), "--from Teacher: there is no such node; the nodes are ExampleGen"),
        (("--from", "Trainer", "--to", "DataGate"), "--to DataGate comes before --from Trainer"),
        (("--from", "Trainer", "--set", "runs=elsewhere"), "--from Trainer: there is no earlier run to start from"),
        (("--from", "Pusher"), "--from Pusher: the last run did not finish InfraValidator; start with --from Infra"),
    ],
)
def test_a_part_that_cannot_run_is_refused(project, first, words, message):
    outcome = project.run(*words)
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.slow
def test_a_recorded_reason_pushes_what_model_gate_would_refuse_once(project, first):
    assert project.run("--bless-anyway", " ").code == 2
    limit = ("--set", "gates.evaluation.thresholds=[{metric: auc, min: 0.999}]")
    words = ("--set", "trainer.loop.seed=7", "--set", "trainer.loop.epochs=1", *limit)
    outcome = project.run(*words, "--bless-anyway", "the old rules ended in May")
    assert outcome.code == 0, outcome.err
    notice = "not refused, since --bless-anyway says 'the old rules ended in May': auc of all examples is 0."
    assert f"notice      {notice}" in outcome.out
    page = max((project.folder / "runs/taxi/report").glob("2*.html"))
    assert notice.replace("'", "&#39;") in page.read_text()
    store, run = metadata.last_run(project.folder / "runs/taxi/metadata.sqlite")
    gate = metadata.executions(store, run)["ModelGate"]
    assert gate.custom_properties["bless_anyway"].string_value == "the old rules ended in May"
    before = project.served()
    again = project.run(*words)
    assert_refused(project, again, node="ModelGate", reason="auc of all examples is 0.", before=before)
