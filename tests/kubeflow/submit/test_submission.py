"""What is refused before anything is sent, and how a run is waited for, on every platform."""

from __future__ import annotations

import pytest

from kubeflow.ir import runtime_parameters
from kubeflow.submit import cron, waiting
from kubeflow.submit.request import Request, SubmissionFailed, Submitted
from kubeflow.submit.submission import submit
from kubeflow.submit.waiting import RunStatus
from pipeline.config.loading import ConfigError
from tests.kubeflow.submit.submissions import compiled, config


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"data_pth": "x"}, "data_pth: the pipeline has no such parameter; did you mean data_path?"),
        ({"zzz": "x"}, "it has data_path, epochs, layers, rate, warm"),
        ({"epochs": "many"}, "epochs=many: must be a whole number"),
        ({"epochs": "2.5"}, "must be a whole number"),
        ({"epochs": True}, "must be a whole number"),
        ({"rate": "nan"}, "must be a number"),
        ({"warm": "yes"}, "must be true or false"),
        ({"layers": "8"}, "must be a JSON list"),
    ],
)
def test_a_wrong_parameter_is_refused(parameters, said):
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        submit(compiled(), config("kubeflow"), Request(parameters=parameters))


def test_a_missing_parameter_is_refused():
    pipeline = compiled(parameters={"day": {"parameterType": "STRING"}})
    with pytest.raises(ConfigError, match="--parameter day=...: is required"):
        submit(pipeline, config("kubeflow"), Request(parameters={}))


@pytest.mark.parametrize("text", ["007", "true", "2026-01-01", "1.10"])
def test_a_text_stays_as_it_was_written(text):
    assert runtime_parameters.resolve(compiled().spec, {"data_path": text}) == {"data_path": text}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cron": "60 3 * * *"}, "'60' is not a valid minute (0-59)"),
        ({"cron": "0 3 * * *", "wait": True}, "--wait: has no meaning with --cron"),
        ({"timeout_seconds": 0}, "--timeout 0"),
    ],
)
def test_a_wrong_request_is_refused(options, said):
    with pytest.raises(ConfigError) as caught:
        submit(compiled(), config("kubeflow"), Request(parameters={}, **options))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 3 * *", "has 4 fields, not five: minute, hour"),
        ("0 0 3 * * *", "has 6 fields"),
        ("@daily", "has 1 fields"),
        ("", "has 0 fields"),
        ("0 24 * * *", "'24' is not a valid hour (0-23)"),
        ("0 3 0 * *", "'0' is not a valid day of the month (1-31)"),
        ("0 3 * 13 *", "'13' is not a valid month (1-12 or JAN-DEC)"),
        ("0 3 31 2 *", "there is no such day, so it would never run"),
        ("0 3 31 4,FEB-FEB *", "there is no such day"),
        ("*/0 3 * * *", "'*/0' is not a valid minute"),
        ("1-5/70 3 * * *", "'1-5/70' is not a valid minute"),
        ("0 3 * * ,", "'' is not a valid day of the week"),
        # croniter alone takes all of these.
        ("0 3 * * 7", "'7' is not a valid day of the week (0-6 or SUN-SAT)"),
        ("0 3 * * FRI-MON", "'FRI-MON' is not a valid day of the week"),
        ("0 3 * * L5", "'L5' is not a valid day of the week"),
        ("0 3 L * *", "'L' is not a valid day of the month"),
        ("0 3 ? * *", "'?' is not a valid day of the month"),
        ("R 3 * * *", "'R' is not a valid minute"),
        ("TZ=Mars/Olympus 0 3 * * *", "'TZ=Mars/Olympus' is not a valid time zone"),
        ("TZ=../etc 0 3 * * *", "is not a valid time zone"),
        ("TZ=UTC", "has 0 fields"),
    ],
)
def test_a_wrong_schedule_is_refused(text, said):
    with pytest.raises(ConfigError) as caught:
        cron.check(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "*/15 0-6/2 1,15 jan-jun *",
        "5 4 * * SUN,3-5",
        "0 3 29 2 *",
        "0 3 1 FEB-FEB *",
        "0/5 * * * *",
        "TZ=America/New_York 0 3 * * 1",
    ],
)
def test_all_that_cron_knows_is_taken(text):
    assert cron.check(f"  {text} ".replace(" ", "  ")) == text


def test_an_interrupted_wait_says_that_the_run_continues(monkeypatch):
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(waiting.time, "sleep", interrupt)
    running = RunStatus(state="running", ended=False, succeeded=False)
    with pytest.raises(SubmissionFailed, match="stopped waiting for taxi-1; the run continues: https://here"):
        waiting.wait(Submitted(name="taxi-1", url="https://here"), lambda: running, poll_seconds=1)
