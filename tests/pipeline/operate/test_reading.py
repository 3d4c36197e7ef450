"""The commands that read, over one pipeline after four runs: as text, as JSON, and without TFX or TensorFlow."""

import json
import subprocess
import sys

import pytest

from pipeline.config.loading import load
from pipeline.records import why
from pipeline.records.runs import Records, required
from tests.pipeline.test_cli import LIGHT

pytestmark = pytest.mark.slow
REASON = "DataGate: train/"


@pytest.fixture(scope="module")
def records(days) -> Records:
    config = load(config=days.folder / "configs" / "days.yaml", profile="local", overrides=[f"runs={days.runs}"])
    return required(config)


def versions(days) -> list[str]:
    return sorted((path.name for path in days.serving.iterdir() if path.name.isdigit()), reverse=True)


def explained(records: Records, number: int, node: str) -> why.Why:
    found = why.explain(records, records.contexts[-number], node)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["status", "--why", "DataGate"],
        ["history"],
        ["lineage"],
        ["gc"],
        ["schema", "diff"],
        ["retrain-if", "--age", "1", "--new-spans"],
    ],
    ids=" ".join,
)
def test_they_are_quick_and_speak_json(days, words):
    config = ["--config", "configs/days.yaml", "--json"]
    command = [sys.executable, "-c", LIGHT, *words, *config]
    done = subprocess.run(command, cwd=days.folder, capture_output=True, text=True)
    text, last = done.stdout.rsplit("\n", 2)[:2]
    assert last == "light", done.stderr
    assert done.returncode == (10 if words[0] == "retrain-if" else 0)
    json.loads(text)


def test_status_says_how_the_last_run_ended(days):
    out = days.command("status").out
    newest, older = versions(days)
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0].startswith("days: run 4 of 4, started 20")
    assert " refused by DataGate after " in lines[0]
    assert any(line.startswith("SchemaGen from cache 0.") for line in lines)
    [gate] = [line for line in lines if line.startswith("DataGate refused ")]
    assert " s train/" in gate
    assert "data 600 rows" in out.replace("  ", " ")
    assert f"{newest} newest" in lines
    assert older in lines
    assert sum("pushed version" in line for line in lines) == 2


def test_status_has_the_labels_of_the_servers_file(days, tmp_path):
    newest, older = versions(days)
    file = tmp_path / "models.config"
    file.write_text(
        f'model_config_list {{ config {{ name: "days" base_path: "{days.serving}" model_platform: "tensorflow" '
        f'version_labels {{ key: "stable" value: {older} }} }} }}'
    )
    out = days.command("status", "--model_config_file", str(file)).out
    assert f"{older}  stable" in out
    found = json.loads(days.command("lineage", older, "--model_config_file", str(file), "--json").out)
    assert (found["labels"], found["newest"]) == (["stable"], False)
    missing = days.command("status", "--model_config_file", str(tmp_path / "none"))
    assert (missing.code, missing.err.count("\n")) == (2, 1)


def test_why_names_the_option_that_changed(records):
    found = explained(records, 2, "Trainer")
    assert not found.reused
    assert found.verdict == "run: custom_config.parameters.loop.epochs changed from 5 to 6"
    assert [change.name for change in found.changes] == ["custom_config.parameters.loop.epochs"]


def test_why_names_the_input_and_its_producer(records):
    found = explained(records, 2, "InfraValidator")
    assert found.verdict == "run: input evaluation is another one of Evaluator (and 1 more)"
    # In the last run ExampleGen read another file.
    assert explained(records, 3, "StatisticsGen").verdict == "run: input examples is another one of ExampleGen"


def test_why_names_the_files_of_example_gen(records):
    words = [change.words for change in explained(records, 3, "ExampleGen").changes]
    assert any(word.startswith("the input files changed (split:all,num_files:1,total_bytes:") for word in words)
    assert "span changed from 1 to 2" in words


def test_why_of_what_is_reused_never_cached_or_first(records):
    reused = explained(records, 2, "Transform")
    assert reused.reused
    assert reused.verdict == f"reused: inputs, properties and code are those of run {records.contexts[-1].name}"
    never = "run: it is never cached, since it looks up, decides or pushes in every run"
    assert explained(records, 2, "ModelGate").verdict == never
    assert explained(records, 2, "Baseline").verdict == never
    assert explained(records, 1, "Trainer").verdict == "run: it had never run before"
    assert why.explain(records, records.contexts[0], "Trainer") is None


def test_why_says_code_for_a_digest(records):
    [run] = [one for one in records.contexts if one.name == records.contexts[-2].name]
    execution = records.executions(run)["Transform"]
    before = why.properties(records, execution)
    assert "custom_config.source_digest" in why.flattened(before)


def test_why_of_an_unknown_node_names_the_known_ones(days):
    outcome = days.command("status", "--why", "DataGat")
    assert outcome.code == 2
    assert outcome.err.startswith(
        "--why DataGat: the last run has no execution of this node; did you mean 'DataGate'? "
    )


def test_history_has_a_row_per_run(days):
    head, names, *rows = days.command("history").out.splitlines()
    newest, older = versions(days)
    assert head == "days: the last 4 of 4 runs"
    assert names.split() == ["run", "started", "time", "rows", "auc", "accuracy", "result"]
    assert [row.split()[0] for row in rows] == ["4", "3", "2", "1"]
    assert f"refused by {REASON}" in rows[0]
    assert rows[2].endswith(f"pushed version {newest}")
    assert rows[3].endswith(f"pushed version {older}")
    assert days.command("history", "--limit", "1").out.count("\n") == 3


def test_history_has_the_metrics_of_candidate_and_baseline(days):
    refused, _, second, first = json.loads(days.command("history", "--json").out)
    assert refused["result"] == "refused"
    assert refused["reason"] in days.said
    assert refused["metrics"] == {"candidate": {}, "baseline": {}}
    assert second["metrics"]["baseline"] == first["metrics"]["candidate"]
    assert first["metrics"]["baseline"] == {}
    assert 0.6 < first["metrics"]["candidate"]["accuracy"] <= 1
    assert sum(first["rows"].values()) == 600
    # As the run itself had printed it.
    assert f"accuracy {second['metrics']['candidate']['accuracy']:.4f} against " in days.said


def test_lineage_has_all_that_made_a_version(days):
    newest, older = versions(days)
    found = json.loads(days.command("lineage", "--json").out)
    assert (str(found["version"]), found["run"]["number"], found["newest"]) == (newest, 2, True)
    assert found["data"]["files"].endswith("data/days/day-{SPAN}.csv")
    assert (found["data"]["span"], sum(found["data"]["rows"].values())) == (1, 600)
    assert found["options"]["loop"]["epochs"] == 6
    assert {"Transform", "Trainer", "InfraValidator"} <= found["code"].keys()
    assert str(found["baseline"]["version"]) == older
    verdicts = {gate["node"]: gate["verdict"] for gate in found["gates"]}
    assert verdicts == {
        "DataGate": "passed",
        "Evaluator": "blessed",
        "ModelGate": "passed",
        "InfraValidator": "blessed",
        "Pusher": "passed",
    }
    assert all(one["exists"] for one in found["artifacts"])
    first = json.loads(days.command("lineage", older, "--json").out)
    assert (first["baseline"], first["options"]["loop"]["epochs"]) == (None, 5)
    text = days.command("lineage").out
    assert text.startswith(f"days version {newest} (newest)\n")
    assert f"baseline   version {older}" in text


def test_lineage_of_a_version_that_no_run_pushed(days):
    outcome = days.command("lineage", "7")
    assert outcome.code == 2
    newest, older = versions(days)
    assert outcome.err == f"version 7 was pushed by no run that is recorded here; there are {newest}, {older}.\n"


def test_retrain_if_says_each_reason(days):
    assert days.command("retrain-if", "--age", "1").out == "nothing to do\n"
    newest = versions(days)[0]
    aged, spans, drift = (
        days.command("retrain-if", *words) for words in (["--age", "0"], ["--new-spans"], ["--drift"])
    )
    assert (aged.code, spans.code, drift.code) == (10, 10, 10)
    assert aged.out == f"version {newest} is 0.0 days old, more than 0\n"
    assert spans.out == f"day-2.csv is of a newer span than 1, which version {newest} was trained on\n"
    assert drift.out.startswith("run 4 of 20")
    assert "has moved by" in drift.out
    assert days.command("retrain-if", "--age", "0", "--new-spans", "--drift").out.count("\n") == 3


def test_retrain_if_sees_no_newer_span_where_there_is_none(copy):
    (copy.folder / "data" / "days" / "day-2.csv").unlink()
    outcome = copy.command("retrain-if", "--new-spans")
    assert (outcome.code, outcome.out) == (0, "nothing to do\n")


def test_retrain_if_needs_a_condition_and_spans(days):
    assert days.command("retrain-if").code == 2
    outcome = days.command("retrain-if", "--new-spans", "--set", "data.files=day-1.csv")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)


def test_a_refused_run_told_the_webhook_and_ends_the_same_without_one(days):
    [body] = days.told
    told, runs = json.loads(body), json.loads(days.command("history", "--json").out)
    assert (told["pipeline"], told["gate"], told["run"]) == ("days", "DataGate", runs[1]["run"])
    assert told["reason"] == runs[1]["reason"]
    # The last run's webhook did not answer; `days` checks that both ended with code 3.
    assert "! DataGate: notify.webhook was not told: ConnectionRefusedError" in days.said
    logs = "".join(path.read_text(errors="replace") for path in (days.run_folder / "logs").iterdir())
    assert "secret=hush" not in days.said + logs
