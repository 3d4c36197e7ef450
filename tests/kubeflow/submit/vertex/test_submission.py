"""Runs and schedules: what is sent, once, and waiting for the end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.kubeflow.fakes.vertex import refusal
from tests.kubeflow.lint import pipelines
from tests.kubeflow.submit.submissions import compiled
from tests.kubeflow.submit.vertex.submitting import CREATE, failure, send

# A run that is waited for although it has ended would be waited for for ever.
pytestmark = [pytest.mark.tensorflow, pytest.mark.timeout(120)]

PARENT = "projects/my-project/locations/europe-west4"
KEY = "projects/my-project/locations/europe-west4/keyRings/ring/cryptoKeys/key"
NETWORK = "projects/12345/global/networks/vpc"


def test_a_run_is_sent_as_it_was_compiled_with_all_that_the_profile_says(service):
    submitted = send(
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


def test_what_the_profile_leaves_out_is_not_sent_and_a_name_that_vertex_would_not_take_becomes_one(service):
    submitted = send("platform.service_account=null", "name=Taxi_Tips")
    (asked,) = service.requests(CREATE)
    assert not {"serviceAccount", "network", "encryptionSpec", "labels"} & set(asked.body)
    assert submitted.name.startswith(f"{PARENT}/pipelineJobs/taxi-tips-")


def test_a_schedule_holds_the_cron_and_the_whole_run(service):
    submitted = send(
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


@pytest.mark.parametrize("fault", [None, refusal(503, "try again", name="UNAVAILABLE")], ids=["broken", "503"])
def test_a_lost_answer_does_not_start_a_second_run(service, fault):
    service.plant(CREATE, fault, after=True)
    submitted = send()
    assert len(service.requests(CREATE)) == 2
    assert list(service.jobs) == [submitted.name]


def test_a_request_that_was_refused_for_a_moment_is_sent_again(service):
    service.plant(CREATE, refusal(503, "try again", name="UNAVAILABLE"))
    assert send().name in service.jobs


def test_a_schedule_is_never_sent_twice(service):
    service.plant("POST .*/schedules", after=True)
    assert "cannot create the schedule" in failure(cron="0 3 * * *")
    assert len(service.schedules) == 1


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
    submitted = send(wait=True)
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
    text = failure(wait=True)
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
    assert said in failure(wait=True)


def test_a_hiccup_while_waiting_is_no_failure(service):
    service.plant("GET .*/pipelineJobs/", refusal(502, "bad gateway"))
    assert send(wait=True).state == "succeeded"


def test_a_run_that_cannot_be_asked_for_any_more_continues_and_says_so(service):
    service.plant("GET .*/pipelineJobs/", refusal(403, "Permission 'aiplatform.pipelineJobs.get' denied"))
    text = failure(wait=True)
    assert "the run, which continues (https://console" in text
    assert "aiplatform.pipelineJobs.get" in text


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
