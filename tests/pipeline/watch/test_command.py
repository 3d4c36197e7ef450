"""The command line: wrong arguments are refused before anything is read, and each outcome has its exit code."""

import json
import time
from datetime import UTC, datetime

import pytest

from pipeline import cli
from pipeline.config.loading import ConfigError
from pipeline.watch import last
from pipeline.watch.store import FILE, opened
from tests.pipeline.watch.asked import MODEL, config, request, trips, write

pytestmark = pytest.mark.tensorflow

YAML = """\
name: asked
data: {{path: {folder}/data, files: "day-{{SPAN}}.csv"}}
label: {{column: y}}
features: {{km: number, town: category}}
gates: {{evaluation: {{thresholds: [{{metric: accuracy, min: 0.5}}]}}}}
serving: {{model_name: asked}}
runs: {folder}/runs
"""


@pytest.fixture
def watch(tmp_path, capsys):
    (tmp_path / "asked.yaml").write_text(YAML.format(folder=tmp_path))
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "local.yaml").write_text("{}\n")

    def run(*words: str, command: str = "watch") -> tuple[int, str, str]:
        code = cli.main([command, "--config", str(tmp_path / "asked.yaml"), *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "watch.log: names no request log; give --log FOLDER"),
        (("--log", "no/such"), "watch.log: no/such: there is no such folder"),
        (("--log", "x", "--labels", "a.csv"), "--labels: needs --keys COLUMN..."),
        (("--set", "watch.labels=[a.csv]"), "watch: keys: labels need them"),
        (("--set", "watch.quality.metric=mean_absolute_error"), "is not a metric of a binary label"),
        (("--set", "watch.numbers={retrain: 0.3, alarm: 0.1}"), "alarm: 0.1 is below retrain, 0.3"),
        (("--set", "watch.number={}"), "numbers"),
    ],
)
def test_bad_usage_is_told_in_a_line(watch, words, why):
    code, out, err = watch(*words)
    assert (code, out) == (2, "")
    assert why in err
    assert len(err.splitlines()) == 1


def test_an_unknown_version_alarms_and_another_length_of_windows_is_refused(watch, tmp_path):
    write(tmp_path / "log" / MODEL / "a.tfrecord", [request(trips(1, 200), time=int(time.time()) - 2 * 86_400)])
    log = ("--log", str(tmp_path / "log"))
    code, out, err = watch(*log)
    assert (code, err) == (3, "")
    assert "version 7 answered, and nothing is known" in out
    assert watch("--watch", command="retrain-if")[0] == 10
    code, _, err = watch(*log, "--set", "watch.window=hour")
    assert code == 2
    assert "watch.window: was day so far, is hour now" in err
    with opened(tmp_path / "runs" / "asked" / "watch"):
        code, _, err = watch(*log)
        assert (code, err.count("\n")) == (1, 1)
        assert "another watch or feedback uses" in err


def test_a_damaged_state_is_told_with_the_way_out(watch, tmp_path):
    write(tmp_path / "log" / MODEL / "a.tfrecord", [request(trips(1, 200))])
    state = tmp_path / "runs" / "asked" / "watch" / FILE
    state.parent.mkdir(parents=True)
    state.write_bytes(b"no database" * 100)
    code, _, err = watch("--log", str(tmp_path / "log"))
    advice = "move it away, and it is rebuilt from the log"
    assert (code, err) == (1, f"watch: {state}: file is not a database; {advice}.\n")
    state.rename(tmp_path / "away")
    assert watch("--log", str(tmp_path / "log"))[0] == 3


def finding(check: str, version: int) -> dict[str, object]:
    about = check in ("numbers", "quality")
    return {"check": check, "version": version, "text": f"{check} {version}", "about_the_model": about}


def test_retrain_if_hears_of_the_newest_version_alone_and_of_what_a_model_may_answer(tmp_path):
    given = config(tmp_path)
    path = last.folder(given) / last.FILE
    with pytest.raises(ConfigError, match="there is no .*watch.json"):
        last.reasons(given, version=2)
    path.parent.mkdir(parents=True)
    found = [finding("numbers", 2), finding("numbers", 1), finding("broken", 2), finding("quality", 2)]
    path.write_text(json.dumps({"time": datetime.now(UTC).isoformat(), "findings": found}))
    assert last.reasons(given, version=2) == ["watch: numbers 2", "watch: quality 2"]
    assert last.reasons(given, version=3) == []
    old = datetime.fromtimestamp(time.time() - 4 * 86_400, UTC).isoformat()
    path.write_text(json.dumps({"time": old, "findings": []}))
    with pytest.raises(ConfigError, match=r"the last look was 4\.0 days ago"):
        last.reasons(given, version=2)
    path.write_text("{")
    with pytest.raises(ConfigError, match="cannot be read"):
        last.reasons(given, version=2)


def test_feedback_before_any_watch_says_so(watch, tmp_path):
    code, _, err = watch(command="feedback")
    assert code == 2
    assert "`python -m pipeline watch` reads the requests and labels" in err
    assert not (tmp_path / "runs").exists()
