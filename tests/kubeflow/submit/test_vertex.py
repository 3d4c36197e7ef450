"""Submission to Vertex AI Pipelines: the service's own client against a local service."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from components.vertex.api import ENDPOINT_VARIABLE
from kubeflow.submit.request import Request, SubmissionFailed
from kubeflow.submit.submission import submit
from tests.conftest import ROOT
from tests.kubeflow.fakes.http_service import Refusal, running
from tests.kubeflow.fakes.vertex import FakeVertex, refusal
from tests.kubeflow.lint import pipelines
from tests.kubeflow.submit.submissions import account, certificate, compiled, config
from tests.serving.support.certificates import Authority

# A run that is waited for although it has ended would be waited for for ever.
pytestmark = [pytest.mark.tensorflow, pytest.mark.timeout(120)]

PARENT = "projects/my-project/locations/europe-west4"
KEY = "projects/my-project/locations/europe-west4/keyRings/ring/cryptoKeys/key"
NETWORK = "projects/12345/global/networks/vpc"
CREATE = "POST .*/pipelineJobs"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVertex]:
    with running(FakeVertex()) as fake:
        monkeypatch.setenv(ENDPOINT_VARIABLE, fake.url)
        yield fake


def _submit(*overrides: str, **options):
    options = {"parameters": {}, "timeout_seconds": 5.0, "poll_seconds": 0.01, **options}
    return submit(compiled(), config("vertex", *overrides), Request(**options))


def _failure(*overrides: str, **options) -> str:
    with pytest.raises(SubmissionFailed) as caught:
        _submit(*overrides, **options)
    text = str(caught.value)
    assert len(text.splitlines()) <= 2, text
    return text


# What is sent.


def test_a_run_is_sent_as_it_was_compiled_with_all_that_the_profile_says(service):
    submitted = _submit(
        f"platform.network={NETWORK}",
        f"platform.encryption_key={KEY}",
        "platform.labels.team=rides",
        parameters={"data_path": "gs://b/new", "epochs": "5", "rate": "0.5", "warm": "true", "layers": "[8, 4]"},
    )
    (asked,) = service.requests(CREATE)
    assert asked.path == f"/v1/{PARENT}/pipelineJobs"
    job = asked.body
    assert job["pipelineSpec"] == compiled().spec
    assert job["runtimeConfig"] == {
        "gcsOutputDirectory": "gs://my-bucket/artifacts/taxi",
        "parameterValues": {"data_path": "gs://b/new", "epochs": 5, "rate": 0.5, "warm": True, "layers": [8, 4]},
    }
    assert job["displayName"] == "taxi"
    assert job["serviceAccount"] == "pipeline-runner@my-project.iam.gserviceaccount.com"
    assert job["network"] == NETWORK
    assert job["encryptionSpec"] == {"kmsKeyName": KEY}
    assert job["labels"] == {"team": "rides"}
    job_id = asked.query["pipelineJobId"]
    assert submitted.name == f"{PARENT}/pipelineJobs/{job_id}"
    assert submitted.url == (
        f"https://console.cloud.google.com/vertex-ai/locations/europe-west4/pipelines/runs/{job_id}?project=my-project"
    )
    assert submitted.state is None


def test_what_the_profile_leaves_out_is_not_sent(service):
    _submit("platform.service_account=null")
    (asked,) = service.requests(CREATE)
    assert not {"serviceAccount", "network", "encryptionSpec", "labels"} & set(asked.body)


def test_a_name_that_vertex_would_not_take_becomes_one(service):
    submitted = _submit("name=Taxi_Tips")
    assert submitted.name.startswith(f"{PARENT}/pipelineJobs/taxi-tips-")


def test_a_schedule_holds_the_cron_and_the_whole_run(service):
    submitted = _submit(
        f"platform.encryption_key={KEY}", cron=" TZ=Europe/Berlin 30  3 * * MON-FRI", parameters={"epochs": "2"}
    )
    (asked,) = service.requests("POST .*/schedules")
    assert asked.body["cron"] == "TZ=Europe/Berlin 30 3 * * MON-FRI"
    assert asked.body["displayName"] == "taxi"
    assert asked.body["maxConcurrentRunCount"] == "1"
    request = asked.body["createPipelineJobRequest"]
    assert request["parent"] == PARENT
    assert request["pipelineJob"]["pipelineSpec"] == compiled().spec
    assert request["pipelineJob"]["runtimeConfig"]["parameterValues"] == {"epochs": 2}
    assert request["pipelineJob"]["serviceAccount"].startswith("pipeline-runner@")
    assert request["pipelineJob"]["encryptionSpec"] == {"kmsKeyName": KEY}
    assert not service.jobs
    assert submitted.name in service.schedules
    assert submitted.url == (
        "https://console.cloud.google.com/vertex-ai/locations/europe-west4/pipelines/schedules/1?project=my-project"
    )


# One run, whatever the network does.


@pytest.mark.parametrize("fault", [None, refusal(503, "try again", name="UNAVAILABLE")], ids=["broken", "503"])
def test_a_lost_answer_does_not_start_a_second_run(service, fault):
    service.plant(CREATE, fault, after=True)
    submitted = _submit()
    assert len(service.requests(CREATE)) == 2
    assert list(service.jobs) == [submitted.name]


def test_a_request_that_was_refused_for_a_moment_is_sent_again(service):
    service.plant(CREATE, refusal(503, "try again", name="UNAVAILABLE"))
    assert _submit().name in service.jobs


def test_a_schedule_is_never_sent_twice(service):
    service.plant("POST .*/schedules", after=True)
    assert "cannot create the schedule" in _failure(cron="0 3 * * *")
    assert len(service.schedules) == 1


# Waiting.


def _task(number: int, name: str, state: str, *, parent: int = 0, error: str = "") -> dict:
    task = {"taskId": str(number), "taskName": name, "state": state, "parentTaskId": str(parent)}
    return {**task, "error": {"code": 9, "message": error}} if error else task


def test_waiting_shows_each_change_once_and_ends_with_the_state(service, capsys):
    running_job = {
        "state": "PIPELINE_STATE_RUNNING",
        "jobDetail": {"taskDetails": [_task(1, "ExampleGen", "SUCCEEDED"), _task(2, "Trainer", "RUNNING")]},
    }
    ended = {
        "state": "PIPELINE_STATE_SUCCEEDED",
        "jobDetail": {"taskDetails": [_task(1, "ExampleGen", "SUCCEEDED"), _task(2, "Trainer", "SUCCEEDED")]},
    }
    service.ends = [{"state": "PIPELINE_STATE_PENDING"}, running_job, running_job, ended]
    submitted = _submit(wait=True)
    assert submitted.state == "succeeded"
    lines = [line.split(maxsplit=1)[1] for line in capsys.readouterr().err.splitlines()]
    assert lines[0] == f"waiting for {submitted.name}: {submitted.url}"
    assert [line.split() for line in lines[1:]] == [
        ["ExampleGen", "succeeded"],
        ["Trainer", "running"],
        ["Trainer", "succeeded"],
    ]


def test_a_failed_run_names_the_task_and_its_error(service):
    service.ends = [
        {
            "state": "PIPELINE_STATE_FAILED",
            "error": {"code": 9, "message": "The DAG failed because some tasks failed."},
            "jobDetail": {
                "taskDetails": [
                    _task(1, "tfx-dag", "FAILED", error="a task failed"),
                    _task(2, "ExampleGen", "SUCCEEDED", parent=1),
                    _task(3, "ModelGate", "FAILED", parent=1, error="The replica exited\nwith status 3."),
                ]
            },
        }
    ]
    text = _failure(wait=True)
    assert "failed: ModelGate: The replica exited with status 3." in text
    assert "tfx-dag" not in text
    assert "look at https://console.cloud.google.com/" in text


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ({"state": "PIPELINE_STATE_CANCELLED"}, " cancelled: see its log for the reason\n"),
        ({"state": "PIPELINE_STATE_FAILED", "error": {"message": "no quota"}}, " failed: no quota\n"),
    ],
)
def test_a_run_without_a_failed_task_says_what_there_is(service, end, said):
    service.ends = [end]
    assert said in _failure(wait=True)


def test_a_hiccup_while_waiting_is_no_failure(service):
    service.plant("GET .*/pipelineJobs/", refusal(502, "bad gateway"))
    assert _submit(wait=True).state == "succeeded"


def test_a_run_that_cannot_be_asked_for_any_more_continues_and_says_so(service):
    service.plant("GET .*/pipelineJobs/", refusal(403, "Permission 'aiplatform.pipelineJobs.get' denied"))
    text = _failure(wait=True)
    assert "the run, which continues (https://console" in text
    assert "aiplatform.pipelineJobs.get" in text


# Errors: what, where, what to do.


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (refusal(400, "Invalid machine type n9.", name="INVALID_ARGUMENT"), ["400 Invalid machine type n9", "profile"]),
        (refusal(401, "Log in.", name="UNAUTHENTICATED"), ["401", "plain HTTP gets none", "https://"]),
        (
            refusal(403, "Permission 'aiplatform.pipelineJobs.create' denied on resource '//aiplatform'."),
            ["roles/aiplatform.user", "which holds aiplatform.pipelineJobs.create"],
        ),
        (
            refusal(403, "You do not have permission to act as service_account: runner. (or it may not exist)."),
            ["roles/iam.serviceAccountUser"],
        ),
        (
            refusal(403, "Permission 'iam.serviceAccounts.actAs' denied on runner."),
            ["roles/iam.serviceAccountUser"],
        ),
        (
            refusal(403, "Vertex AI API has not been used in project 1 before.", reason="SERVICE_DISABLED"),
            ["gcloud services enable aiplatform.googleapis.com --project my-project"],
        ),
        (refusal(404, "The location does not exist."), ["404", "project 'my-project'", "region 'europe-west4'"]),
        (Refusal(404, "<html>404</html>", headers={"Content-Type": "text/html"}), ["a web page", "region"]),
        (refusal(409, "The key is being rotated.", name="ABORTED"), ["409 The key is being rotated", "try again"]),
        (refusal(429, "Quota exceeded for custom_model_training_cpus."), ["429 Quota exceeded", "iam-admin/quotas"]),
        (refusal(501, "Not here."), ["501 Not here", "status.cloud.google.com"]),
    ],
)
def test_an_answer_that_is_an_error_says_what_to_do(service, fault, said):
    service.plant(CREATE, fault, times=20)
    text = _failure(timeout_seconds=1.2)
    assert "Vertex AI in my-project, europe-west4" in text
    for part in ["cannot start the run", *said]:
        assert part in text
    assert not service.jobs


def test_a_silent_service_ends_in_time(service):
    service.plant(CREATE, hang=True, times=9)
    assert "no answer within 0.5 s" in _failure(timeout_seconds=0.5)


def test_a_port_where_nothing_listens(monkeypatch):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setenv(ENDPOINT_VARIABLE, url)
    text = _failure()
    assert "connection refused" in text
    assert url in text


def test_a_name_that_dns_does_not_know(monkeypatch):
    monkeypatch.setenv(ENDPOINT_VARIABLE, "http://vertex.invalid")
    monkeypatch.setenv("NO_PROXY", "*")
    assert "DNS does not know vertex.invalid;" in _failure()


@pytest.fixture
def secure(tmp_path, monkeypatch) -> Iterator[FakeVertex]:
    """A service with TLS and a private authority, which gives out tokens itself."""
    authority = Authority()
    (tmp_path / "ca.pem").write_text(authority.certificate)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with running(FakeVertex(), certificate=certificate(tmp_path, authority)) as fake:
        fake.route("POST", "/token", lambda asked: _TOKEN)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account(tmp_path, token_url=f"{fake.url}/token")))
        monkeypatch.setenv(ENDPOINT_VARIABLE, fake.url)
        yield fake


_TOKEN = {
    "access_token": "secret",
    "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    "token_type": "Bearer",
    "expires_in": 3600,
}


def test_credentials_are_sent_over_tls(secure):
    assert _submit().name in secure.jobs
    assert secure.requests(CREATE)[0].headers["authorization"] == "Bearer secret"


def test_a_certificate_that_nobody_signed(secure, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    text = _failure()
    assert "TLS failed" in text
    assert "REQUESTS_CA_BUNDLE" in text


def test_credentials_that_are_not_taken(secure):
    secure.plant(CREATE, refusal(401, "Request had invalid authentication.", name="UNAUTHENTICATED"), times=9)
    text = _failure()
    assert "401 Request had invalid authentication" in text
    assert "gcloud auth application-default login" in text


def test_credentials_that_have_ended(secure):
    gone = Refusal(400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."})
    secure.plant("POST /token", gone, times=9)
    text = _failure()
    assert "the credentials have expired" in text
    assert "Token has been expired or revoked" in text
    assert "gcloud auth application-default login" in text


def test_no_credentials_on_the_machine(tmp_path, monkeypatch):
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.delenv(ENDPOINT_VARIABLE, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    text = _failure()
    assert "no credentials" in text
    assert "gcloud auth application-default login" in text
    assert "GOOGLE_APPLICATION_CREDENTIALS" in text


def test_nothing_secret_goes_over_plain_http(service, tmp_path, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account(tmp_path, token_url=f"{service.url}/token")))
    _submit()
    assert not service.requests("/token")
    assert "authorization" not in service.requests(CREATE)[0].headers


# The command.


_PROGRAM = """
import sys
from kubeflow.cli import main
code = main(sys.argv[1:])
heavy = [name for name in ("tfx", "tensorflow", "apache_beam") if name in sys.modules]
sys.exit(f"imported {heavy}" if heavy else code)
"""


def _run_command(folder: Path, parameter: str) -> subprocess.CompletedProcess[str]:
    path = folder / "taxi.yaml"
    path.write_text(pipelines.compiled("vertex").to_yaml())
    words = ["submit", "--profile", "vertex", "--input", str(path), "--parameter", parameter, "--wait"]
    words += [f"--set={override}" for override in pipelines.EXAMPLES["vertex"].overrides]
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_compiled_pipeline_is_submitted_without_tfx_and_tensorflow(service, tmp_path):
    ran = _run_command(tmp_path, "data_path=gs://acme/a=007")
    assert ran.returncode == 0, ran.stderr
    (name,) = service.jobs
    assert ran.stdout.splitlines()[0] == "lint  taxi for vertex: nothing found in 5 tasks"
    assert ran.stdout.splitlines()[1] == f"submitted  {name}"
    assert ran.stdout.splitlines()[3] == "ended      succeeded"
    assert service.requests(CREATE)[0].body["runtimeConfig"]["parameterValues"] == {"data_path": "gs://acme/a=007"}


def test_a_value_that_no_component_can_open_is_refused_before_anything_is_sent(service, tmp_path):
    ran = _run_command(tmp_path, "data_path=minio://bucket/2026-01")
    assert ran.returncode == 3, ran.stderr
    assert "minio://bucket/2026-01 is in a store that components cannot open" in ran.stderr
    assert not service.asked
