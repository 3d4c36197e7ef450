"""The first runs of the taxi pipeline, and every gate with the fault that it is there for.

The tests run in the order of this file.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from pipeline.running.live.model_server import ModelServer
from serving.client import Client
from tests.e2e.faults.catalogue import FAULTS, a_new_way_to_pay, changed_data
from tests.e2e.faults.page import line_of, row, rows, without_numbers
from tests.e2e.projects.verdicts import NODES, assert_refused, versions

pytestmark = pytest.mark.tensorflow


def test_first_run_goes_through_every_gate(project, first):
    assert first.nodes() == dict.fromkeys(["start-up", *NODES, "live", "report"], "✓")
    assert first.err == ""
    assert "15,002 rows (5,091 eval, 9,911 train); no anomalies" in first.out
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
