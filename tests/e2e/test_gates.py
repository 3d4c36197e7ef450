"""The taxi pipeline from end to end, again and again, and every gate with the fault that it is there for.

The tests run in the order of this file.
"""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

from pipeline.running import metadata
from pipeline.running.live.model_server import ModelServer
from serving.client import Client
from serving.versions import version_folders
from tests.e2e.faults.catalogue import FAULTS, a_new_way_to_pay, changed_data
from tests.e2e.faults.page import line_of, row, rows, without_numbers
from tests.e2e.projects.project import Outcome, Project

pytestmark = pytest.mark.tensorflow

NODES = [
    "ExampleGen",
    "SchemaGen",
    "StatisticsGen",
    "ServedData",
    "ExampleValidator",
    "DataGate",
    "Transform",
    "Trainer",
    "Baseline",
    "Evaluator",
    "ServedEvaluation",
    "ModelGate",
    "InfraValidator",
    "Pusher",
]


def versions(project: Project) -> list[int]:
    return sorted(version_folders.find(project.serving_folder))


def assert_refused(project: Project, outcome: Outcome, *, node: str, reason: str, before: str) -> None:
    """Exit code 3, one line that says why, the same in ML Metadata, and a serving folder as it was, byte for byte."""
    assert outcome.code == 3, outcome.out + outcome.err
    [line] = outcome.err.splitlines()
    assert line.startswith(f"{node} refused: ")
    assert reason in line
    assert outcome.nodes()[node] == "✗"
    assert "Pusher" not in outcome.nodes() or node == "Pusher"
    # A long reason is without its middle here.
    assert line.removeprefix(f"{node} refused: ")[:100] in project.status()
    assert project.served() == before


def test_first_run_goes_through_every_gate(project, first):
    assert first.nodes() == dict.fromkeys(
        [
            "start-up",
            *NODES,
            "live",
            "report",
        ],
        "✓",
    )
    assert first.err == ""
    assert "15,002 rows (4,966 eval, 10,036 train); no anomalies" in first.out
    assert "there was no other model to compare with: the first run" in first.out
    assert first.out.count("probability 0.") == 3
    [version] = versions(project)
    assert f"pushed      version {version}" in first.out
    assert str(version) in project.status()


@pytest.mark.slow
def test_a_job_file_of_the_last_run_trains_without_the_pipeline(project, first, tmp_path):
    words = ("--folder", str(tmp_path / "shared"), "--output", str(tmp_path / "job.json"))
    made = project.command("pipeline", "training-job", *words, "--set", "trainer.loop.epochs=1")
    assert made.code == 0, made.err
    trained = project.command("trainer", "--job", str(tmp_path / "job.json"))
    assert trained.code == 0, trained.err
    assert (tmp_path / "shared/model/Format-Serving/saved_model.pb").exists()


def test_pushed_model_answers_a_stranger_over_grpc(project, first):
    rows = project.folder / "rows.jsonl"
    with (project.folder / "data/taxi/trips.csv").open(newline="") as stream:
        trips = [{key: value for key, value in row.items() if value} for row in csv.DictReader(stream)][:200]
    for trip in trips:
        del trip["tips"]
    rows.write_text("".join(json.dumps(trip) + "\n" for trip in trips))
    with ModelServer(model_name="taxi", base_path=project.serving_folder) as server:
        target = server.target()
        outcome = project.command(
            "serving.client", "predict", "--target", target, "--model", "taxi", "--input", str(rows)
        )
        with Client(target) as client:
            assert client.status("taxi") == {versions(project)[0]: "AVAILABLE"}
    assert outcome.code == 0, outcome.err
    probabilities = [json.loads(line)["probability"] for line in outcome.out.splitlines()]
    assert len(probabilities) == 200
    by_cash = [p for p, trip in zip(probabilities, trips, strict=True) if trip["payment_type"] == "Cash"]
    by_card = [p for p, trip in zip(probabilities, trips, strict=True) if trip["payment_type"] == "Credit Card"]
    assert max(by_cash) < 0.1 < 0.5 < sum(by_card) / len(by_card)


def test_second_run_takes_everything_from_the_cache_and_pushes_nothing(project, first):
    before = project.served()
    outcome = project.run()
    assert outcome.code == 0, outcome.err
    assert {node for node, mark in outcome.nodes().items() if mark == "✓" and node in NODES} == {
        "ServedData",
        "DataGate",
        "Baseline",
        "ServedEvaluation",
        "ModelGate",
        "Pusher",
    }
    assert "the same model was served already" in outcome.out
    assert project.served() == before


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, id=fault.what, marks=[pytest.mark.slow] if fault.slow else []) for fault in FAULTS]
)
def test_a_planted_fault_is_refused(project, first, fault):
    before = project.served()
    outcome = fault.run(project)
    assert_refused(project, outcome, node=fault.node, reason=fault.reason, before=before)
    assert without_numbers(rows()[fault.what]) == without_numbers(row(fault, line_of(outcome, project)))


@pytest.mark.slow
def test_the_newest_span_is_read(project, first):
    header, _, rows = (project.folder / "data/taxi/trips.csv").read_text().partition("\n")
    for span, text in ((1, f"{header}\n,x{rows[1:]}"), (2, f"{header}\n{rows}")):
        folder = project.folder / "data" / "spans" / f"day-{span}"
        folder.mkdir(parents=True)
        (folder / "trips.csv").write_text(text)
    words = ("--set", "data.path=data/spans", "--to", "ExampleGen", "--set")
    assert project.run(*words, "data.files=day-1/*.csv").code == 3
    outcome = project.run(*words, "data.files=day-{SPAN}/*.csv")
    assert outcome.code == 0, outcome.out + outcome.err
    assert outcome.nodes()["ExampleGen"] == "✓"


@pytest.mark.slow
def test_an_allowed_anomaly_passes_the_data_gate(project, first):
    allow = "gates.data.allow=['payment_type:ENUM_TYPE_UNEXPECTED_STRING_VALUES']"
    outcome = project.run(
        "--set", f"data.path={changed_data(project, a_new_way_to_pay)}", "--set", allow, "--to", "DataGate"
    )
    assert outcome.code == 0, outcome.err
    assert outcome.nodes()["DataGate"] == "✓"


@pytest.mark.slow
def test_a_refused_export_does_not_become_the_baseline(project, first):
    outcome = project.run("--set", "trainer.loop.seed=1", "--to", "Evaluator")
    assert outcome.code == 0, outcome.err
    uri = project.folder / "runs/taxi/artifacts/Evaluator/evaluation"
    newest = max(uri.iterdir(), key=lambda path: int(path.name))
    config = json.loads((newest / "eval_config.json").read_text())
    locations = {name: Path(path).parent.name for name, path in config["modelLocations"].items()}
    good = min((project.folder / "runs/taxi/artifacts/Trainer/model").iterdir(), key=lambda path: int(path.name))
    assert locations["baseline"] == good.name


@pytest.mark.slow
def test_a_killed_run_is_taken_up_again_by_the_next(project, first):
    before = project.served()
    words = ("--set", "trainer.loop.seed=2")
    process = project.start(*words)
    wait_for_line(process, "Transform")
    time.sleep(1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert project.served() == before
    # A process that outlives the run for a moment holds its lock.
    wait_for_end_of_processes_in(project.folder)
    assert "killed in Transform" in project.status()
    outcome = project.run(*words)
    assert outcome.code == 0, outcome.err
    assert (outcome.nodes()["Transform"], outcome.nodes()["Trainer"]) == ("=", "✓")
    assert len(versions(project)) == 2


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
    assert {node for node in NODES if marks[node] != "·"} == {
        "Baseline",
        "Evaluator",
        "ServedEvaluation",
        "ModelGate",
    }


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
    notice = "not refused, since --bless-anyway says 'the old rules ended in May': auc of all examples is 0.9"
    assert f"notice      {notice}" in outcome.out
    page = max((project.folder / "runs/taxi/report").glob("2*.html"))
    assert notice.replace("'", "&#39;") in page.read_text()
    store, run = metadata.last_run(project.folder / "runs/taxi/metadata.sqlite")
    gate = metadata.executions(store, run)["ModelGate"]
    assert gate.custom_properties["bless_anyway"].string_value == "the old rules ended in May"
    before = project.served()
    again = project.run(*words)
    assert_refused(project, again, node="ModelGate", reason="auc of all examples is 0.9", before=before)
