"""Submission to Kubeflow Pipelines: the stock client, bounded, against a local service."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from kubeflow.submit.request import Request, SubmissionFailed
from kubeflow.submit.submission import submit
from pipeline.config.loading import ConfigError
from tests.kubeflow.fakes.http_service import Refusal, running
from tests.kubeflow.fakes.kfp import FakeKfp, refusal
from tests.kubeflow.submit.submissions import certificate, compiled, config
from tests.serving.support.certificates import Authority

# A run that is waited for although it has ended would be waited for for ever.
pytestmark = [pytest.mark.tensorflow, pytest.mark.timeout(120)]

RUNS = "POST .*/runs"
HTML = Refusal(200, "<html>log in</html>", headers={"Content-Type": "text/html"})


@pytest.fixture(autouse=True)
def _own_environment(tmp_path, monkeypatch) -> None:
    """No credentials of the machine, and no context file of the client."""
    for name in ("KF_PIPELINES_TOKEN", "KF_PIPELINES_COOKIES", "KF_PIPELINES_UI_ENDPOINT", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.setattr("kfp.client.Client._LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))


@pytest.fixture
def service() -> Iterator[FakeKfp]:
    with running(FakeKfp()) as fake:
        yield fake


def _submit(url: str, *overrides: str, platform_spec: bool = False, **options):
    options = {"parameters": {}, "timeout_seconds": 5.0, "poll_seconds": 0.01, **options}
    platform = config("kubeflow", f"platform.host={url}", *overrides)
    return submit(compiled(platform_spec=platform_spec), platform, Request(**options))


def _failure(url: str, *overrides: str, **options) -> str:
    with pytest.raises(SubmissionFailed) as caught:
        _submit(url, *overrides, **options)
    text = str(caught.value)
    assert len(text.splitlines()) <= 2, text
    assert f"Kubeflow Pipelines at {url}" in text or "look at" in text
    return text


# What is sent.


def test_a_run_is_sent_as_it_was_compiled_with_all_that_the_profile_says(service, capsys):
    submitted = _submit(
        service.url,
        "platform.experiment=Rides",
        "platform.service_account=runner",
        parameters={"data_path": "gs://b/new", "epochs": "5", "rate": "0.5", "warm": "false"},
    )
    (experiment,) = service.experiments.values()
    assert (experiment["display_name"], experiment["namespace"]) == ("Rides", "my-namespace")
    ((run_id, run),) = service.runs.items()
    assert run["experiment_id"] == experiment["experiment_id"]
    assert run["pipeline_spec"] == compiled().spec
    assert run["runtime_config"] == {
        "parameters": {"data_path": "gs://b/new", "epochs": 5, "rate": 0.5, "warm": False},
        "pipeline_root": "minio://mlpipeline/v2/artifacts/taxi",
    }
    assert run["service_account"] == "runner"
    assert submitted.name == f"{run['display_name']} ({run_id})"
    assert submitted.url == f"{service.url}/#/runs/details/{run_id}"
    assert capsys.readouterr().out == ""


def test_the_platform_spec_travels_with_the_pipeline(service):
    _submit(service.url, platform_spec=True)
    (run,) = service.runs.values()
    pipeline = compiled(platform_spec=True)
    assert run["pipeline_spec"] == {"pipeline_spec": pipeline.spec, "platform_spec": pipeline.platform_spec}


def test_an_experiment_that_is_there_is_taken(service):
    _submit(service.url)
    _submit(service.url)
    assert len(service.experiments) == 1
    assert len(service.runs) == 2


def test_a_single_user_installation_has_no_namespace(service):
    _submit(service.url, "platform.namespace=null")
    (experiment,) = service.experiments.values()
    assert not experiment.get("namespace")
    assert len(service.requests("healthz")) == 1


def test_a_schedule_begins_with_the_second(service):
    submitted = _submit(service.url, platform_spec=True, cron="30 3 * * MON-FRI", parameters={"epochs": "2"})
    ((recurring_id, recurring),) = service.recurring.items()
    assert recurring["trigger"] == {"cron_schedule": {"cron": "0 30 3 * * MON-FRI"}}
    assert recurring["mode"] == "ENABLE"
    assert (recurring["max_concurrency"], recurring["no_catchup"]) == (1, True)
    assert recurring["runtime_config"]["parameters"] == {"epochs": 2}
    assert recurring["pipeline_spec"]["platform_spec"]["platforms"]["kubernetes"]
    assert not service.runs
    assert submitted.name == f"taxi ({recurring_id})"
    assert submitted.url == f"{service.url}/#/recurringrun/details/{recurring_id}"


def test_a_time_zone_is_refused_before_anything_is_sent(service):
    with pytest.raises(ConfigError, match="Kubeflow Pipelines takes no time zone"):
        _submit(service.url, cron="TZ=Europe/Berlin 30 3 * * *")
    assert not service.asked


def test_the_user_interface_may_be_elsewhere(service, monkeypatch):
    monkeypatch.setenv("KF_PIPELINES_UI_ENDPOINT", "https://kubeflow.example.com/")
    assert _submit(service.url).url.startswith("https://kubeflow.example.com/#/runs/details/run-")


# Who asks.


def test_a_token_is_sent_before_all_others(service, monkeypatch):
    monkeypatch.setenv("KF_PIPELINES_TOKEN", "secret")
    monkeypatch.setenv("KF_PIPELINES_COOKIES", "authservice_session=abc")
    _submit(service.url)
    assert {asked.headers["authorization"] for asked in service.asked} == {"Bearer secret"}
    assert not any("cookie" in asked.headers for asked in service.asked)


def test_cookies_are_sent(service, monkeypatch):
    monkeypatch.setenv("KF_PIPELINES_COOKIES", "authservice_session=abc")
    _submit(service.url)
    assert {asked.headers["cookie"] for asked in service.asked} == {"authservice_session=abc"}


def test_the_mounted_token_of_the_service_account_is_sent(service, monkeypatch, tmp_path):
    (tmp_path / "token").write_text("mounted")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))
    _submit(service.url)
    assert {asked.headers["authorization"] for asked in service.asked} == {"Bearer mounted"}


# One run, whatever the network does.


@pytest.mark.parametrize("fault", [None, refusal(503, "try again")], ids=["broken", "503"])
def test_a_lost_answer_does_not_start_a_second_run(service, fault):
    service.plant(RUNS, fault, after=True)
    submitted = _submit(service.url)
    assert len(service.requests(RUNS)) == 1
    assert submitted.url.endswith(next(iter(service.runs)))


def test_a_run_that_was_not_started_is_a_failure(service):
    service.plant(RUNS)
    assert "the connection broke" in _failure(service.url)
    assert len(service.requests(RUNS)) == 1
    assert not service.runs


# Waiting.


def _task(number: int, name: str, state: str, *, parent: str = "", error: str = "") -> dict:
    task = {"task_id": f"task-{number}", "display_name": name, "state": state, "parent_task_id": parent}
    return {**task, "error": {"code": 9, "message": error}} if error else task


def test_waiting_shows_each_change_once_and_ends_with_the_state(service, capsys):
    service.ends = [
        {"state": "PENDING"},
        {"state": "RUNNING", "run_details": {"task_details": [_task(1, "Trainer", "RUNNING")]}},
        {"state": "RUNNING", "run_details": {"task_details": [_task(1, "Trainer", "RUNNING")]}},
        {"state": "SUCCEEDED", "run_details": {"task_details": [_task(1, "Trainer", "SUCCEEDED")]}},
    ]
    submitted = _submit(service.url, wait=True)
    assert submitted.state == "succeeded"
    lines = [line.split()[1:] for line in capsys.readouterr().err.splitlines()]
    assert lines[0][:2] == ["waiting", "for"]
    assert lines[1:] == [["Trainer", "running"], ["Trainer", "succeeded"]]


def test_a_failed_run_names_the_task_and_its_error(service):
    tasks = [
        _task(1, "root", "FAILED", error="children failed"),
        _task(2, "ModelGate", "FAILED", parent="task-1", error="exit status\n3"),
        _task(3, "ExampleGen", "SUCCEEDED", parent="task-1"),
    ]
    service.ends = [{"state": "FAILED", "run_details": {"task_details": tasks}}]
    text = _failure(service.url, wait=True)
    assert "failed: ModelGate: exit status 3\nlook at http" in text


@pytest.mark.parametrize("state", ["CANCELED", "SKIPPED"])
def test_a_run_that_did_not_finish_is_a_failure(service, state):
    service.ends = [{"state": state}]
    assert f" {state.lower()}: " in _failure(service.url, wait=True)


def test_a_run_that_cannot_be_asked_for_any_more_continues_and_says_so(service):
    service.plant("GET .*/runs/", refusal(401, "token expired"))
    text = _failure(service.url, wait=True)
    assert "the run, which continues (http" in text
    assert "KF_PIPELINES_TOKEN" in text


# Errors: what, where, what to do.


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (refusal(400, "Invalid input error: unknown field."), ["400 Invalid input error: unknown field", "compile"]),
        (refusal(401, "Unauthenticated."), ["401 Unauthenticated", "KF_PIPELINES_TOKEN"]),
        (refusal(403, "User 'me' is not authorized."), ["403 User 'me'", "kubeflow-edit", "namespace my-namespace"]),
        (refusal(404, "Namespace not found."), ["404 Namespace not found", "platform.host", "platform.namespace"]),
        (refusal(409, "Already exists."), ["409 Already exists", "rename it"]),
        (refusal(429, "Slow down."), ["429 Slow down", "try again"]),
        (refusal(500, "MySQL has gone away."), ["500 MySQL has gone away", "log of ml-pipeline"]),
        (Refusal(502, "<html>nginx</html>", headers={"Content-Type": "text/html"}), ["502 ", "log of ml-pipeline"]),
        (
            Refusal(302, "", headers={"Location": "https://dex.example.com/auth"}),
            ["302", "log-in", "KF_PIPELINES_COOK"],
        ),
        (HTML, ["a web page", "platform.host", "https://HOST/pipeline"]),
    ],
)
def test_an_answer_that_is_an_error_says_what_to_do(service, fault, said):
    service.plant("GET .*/experiments", fault)
    text = _failure(service.url)
    for part in ["cannot get or create experiment 'Default'", *said]:
        assert part in text
    assert not service.runs


@pytest.mark.parametrize("namespace", ["my-namespace", "null"])
def test_a_silent_service_ends_in_time(service, namespace):
    service.plant("healthz|experiments", hang=True, times=9)
    text = _failure(service.url, f"platform.namespace={namespace}", timeout_seconds=0.4)
    assert "no answer within 0.4 s" in text
    assert len(service.asked) == 1


def test_an_unhealthy_service_is_asked_once(service):
    service.plant("healthz", refusal(503, "starting"), times=9)
    assert "cannot log in: 503 starting" in _failure(service.url, "platform.namespace=null")
    assert len(service.asked) == 1


def test_a_port_where_nothing_listens():
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    assert "connection refused" in _failure(f"http://127.0.0.1:{port}")


def test_a_name_that_dns_does_not_know():
    assert "DNS does not know kubeflow.invalid;" in _failure("http://kubeflow.invalid")


def test_a_certificate_that_nobody_signed(tmp_path, monkeypatch):
    authority = Authority()
    (tmp_path / "ca.pem").write_text(authority.certificate)
    with running(FakeKfp(), certificate=certificate(tmp_path, authority)) as fake:
        text = _failure(fake.url)
        assert "TLS failed" in text
        assert "REQUESTS_CA_BUNDLE" in text
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        _submit(fake.url)
        assert fake.runs


def test_a_file_that_the_client_does_not_understand(service):
    pipeline = compiled()
    pipeline.spec["components"]["Trainer"]["executor_of_another_platform"] = "x"
    with pytest.raises(
        SubmissionFailed, match="does not understand the compiled pipeline .*executor_of_another_platform"
    ):
        submit(pipeline, config("kubeflow", f"platform.host={service.url}"), Request(parameters={}))
    assert not service.runs


def test_a_host_without_a_scheme_is_refused():
    with pytest.raises(ConfigError, match="platform.host.*must begin with http"):
        config("kubeflow", "platform.host=kubeflow.example.com")


def test_a_wrong_parameter_is_refused_before_anything_is_sent(service):
    with pytest.raises(ConfigError, match="did you mean epochs"):
        _submit(service.url, parameters={"epoch": "1"})
    assert not service.asked
