"""A custom job of Vertex AI by the service's own client: sent, taken up again, waited for, and cancelled."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from components.vertex.custom_job import CustomJobFailed, CustomJobStopped
from components.vertex.custom_job_options import CustomJobOptions
from components.vertex.trainer import CustomJobExecutor
from pipeline.config.loading import load
from pipeline.nodes.training.custom_job import custom_job
from tests.components.vertex.custom_jobs import (
    CANCEL,
    CREATE,
    GET,
    LIST,
    NAME,
    OPTIONS,
    PARENT,
    UNAVAILABLE,
    sent,
    terminate,
    train,
    when,
)
from tests.kubeflow.fakes.vertex import refusal
from tests.trainer.distribution.jobs import ROOT

# A job that is waited for although it has ended would be waited for for ever.
pytestmark = [pytest.mark.tensorflow, pytest.mark.timeout(300)]


def failure(**keys):
    with pytest.raises(CustomJobFailed) as caught:
        train(**keys)
    text = str(caught.value)
    assert len(text.splitlines()) <= 2, text
    return text


def add(service, state, *, number=7, name=NAME):
    """A job that is there already."""
    resource = f"{PARENT}/customJobs/{number}"
    service.custom_jobs[resource] = {"name": resource, "state": state, "labels": {"training": name}}
    return resource


def test_a_job_of_one_worker_is_one_pool_and_nothing_that_was_not_asked_for(service):
    train()
    assert service.requests(CREATE)[0].path == f"/v1/{PARENT}/customJobs"
    assert sent(service) == {
        "displayName": NAME,
        "jobSpec": {
            "workerPoolSpecs": [
                {
                    "machineSpec": {"machineType": "n1-standard-8"},
                    "replicaCount": "1",
                    "diskSpec": {"bootDiskSizeGb": 100},
                    "containerSpec": {"imageUri": "image@sha256:0", "command": ["python", "-m", "x"]},
                }
            ],
            "scheduling": {"strategy": 3, "restartJobOnWorkerRestart": True, "timeout": "86400s"},
        },
        "labels": {"training": NAME},
    }


def test_every_option_of_the_profile_is_sent(service, taxi_config):
    overrides = [
        "platform.training={machine_type: n1-standard-4, accelerator: {type: NVIDIA_TESLA_T4, count: 2}, workers: 4, "
        "spot: true, boot_disk_gb: 200, timeout_seconds: 7200}",
        "platform.service_account=trainer@my-project.iam.gserviceaccount.com",
        "platform.network=projects/12345/global/networks/vpc",
        "platform.encryption_key=projects/p/locations/l/keyRings/r/cryptoKeys/k",
        "platform.labels={team: rides}",
        "platform.gpu_image=gpu@sha256:1",
    ]
    remote = custom_job(load(config=taxi_config, profile="vertex", overrides=overrides))
    assert remote.executor is CustomJobExecutor
    train(CustomJobOptions.model_validate_json(remote.options))
    pool = {
        # 5 is NVIDIA_TESLA_T4.
        "machineSpec": {"machineType": "n1-standard-4", "acceleratorType": 5, "acceleratorCount": 2},
        "diskSpec": {"bootDiskSizeGb": 200},
        "containerSpec": {"imageUri": "gpu@sha256:1", "command": ["python", "-m", "x"]},
    }
    body = sent(service)
    assert body["jobSpec"] == {
        "workerPoolSpecs": [{**pool, "replicaCount": "1"}, {**pool, "replicaCount": "3"}],
        "serviceAccount": "trainer@my-project.iam.gserviceaccount.com",
        "network": "projects/12345/global/networks/vpc",
        "scheduling": {"strategy": 4, "restartJobOnWorkerRestart": True, "timeout": "7200s"},
    }
    assert body["labels"] == {"team": "rides", "training": NAME}
    assert body["encryptionSpec"] == {"kmsKeyName": "projects/p/locations/l/keyRings/r/cryptoKeys/k"}


@pytest.mark.parametrize(
    ("training", "image"),
    [("{accelerator: {type: NVIDIA_L4}}", "gpu@sha256:1"), ("{accelerator: null}", "cpu@sha256:0")],
)
def test_workers_with_gpus_get_the_image_for_them(taxi_config, training, image):
    overrides = ["platform.image=cpu@sha256:0", "platform.gpu_image=gpu@sha256:1", f"platform.training={training}"]
    remote = custom_job(load(config=taxi_config, profile="vertex", overrides=overrides))
    assert CustomJobOptions.model_validate_json(remote.options).image == image


def test_an_accelerator_that_vertex_does_not_have_is_named(service):
    text = failure(options=OPTIONS.model_copy(update={"accelerator_type": "T4", "accelerator_count": 1}))
    assert text.startswith("platform.training.accelerator.type: Vertex has no 'T4'; it has NVIDIA_TESLA_K80, ")
    assert not service.asked


def test_a_job_that_runs_for_the_same_output_is_taken_up(service):
    add(service, "JOB_STATE_FAILED", number=6)
    add(service, "JOB_STATE_RUNNING", number=7)
    add(service, "JOB_STATE_RUNNING", number=8, name="train-another")
    train()
    assert not service.requests(CREATE)
    assert {asked.path for asked in service.requests(GET)} == {f"/v1/{PARENT}/customJobs/7"}


@pytest.mark.parametrize("made", [True, False])
def test_a_job_that_ended_well_is_not_run_again_where_its_model_is_there(service, made):
    add(service, "JOB_STATE_SUCCEEDED")
    answers = iter([made, True])
    train(is_made=lambda: next(answers))
    assert len(service.requests(CREATE)) == (0 if made else 1)


def test_a_job_that_is_being_cancelled_is_waited_for_and_another_one_started(service):
    resource = add(service, "JOB_STATE_CANCELLING")
    ask = service.answer
    states = iter(["JOB_STATE_CANCELLING", "JOB_STATE_CANCELLING", "JOB_STATE_CANCELLED"])

    def answer(request):
        if request.method == "POST":
            assert service.custom_jobs[resource]["state"] == "JOB_STATE_CANCELLED"
        elif request.path.endswith("/customJobs"):
            service.custom_jobs[resource]["state"] = next(states)
        return ask(request)

    service.answer = answer
    train()
    assert len(service.requests(CREATE)) == 1
    assert len(service.requests(LIST)) == 3


@pytest.mark.parametrize("fault", [None, UNAVAILABLE, refusal(429, "slow down")], ids=["broken", "503", "429"])
def test_a_lost_answer_does_not_start_a_second_job(service, fault):
    service.plant(CREATE, fault, after=True)
    service.listed_after = 2
    train()
    assert len(service.requests(CREATE)) == len(service.custom_jobs) == 1
    assert service.requests(GET)


def test_a_creation_that_never_arrived_is_not_repeated_but_explained(service):
    service.plant(CREATE, UNAVAILABLE, times=9)
    text = failure()
    assert text.startswith("Vertex AI in my-project, europe-west4 (http://127.0.0.1")
    assert "cannot start the training: 503 try again;\n" in text
    assert len(service.requests(CREATE)) == 1


@pytest.mark.slow
def test_an_attempt_after_a_kill_waits_for_the_same_job(service, tmp_path):
    service.custom_states = [{"state": "JOB_STATE_RUNNING"}]
    command = [sys.executable, "-m", "tests.components.vertex.custom_job_waiter", OPTIONS.model_dump_json(), NAME]
    with when(service, GET) as asked:
        waiter = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
        assert asked.wait(60)
    waiter.kill()
    assert waiter.wait(60) == -signal.SIGKILL
    service.custom_states = [{"state": "JOB_STATE_RUNNING"}, {"state": "JOB_STATE_SUCCEEDED"}]
    train()
    assert len(service.requests(CREATE)) == 1
    assert not service.requests(CANCEL)


@pytest.mark.parametrize("state", ["failed", "cancelled", "expired", "partially_succeeded"])
def test_a_job_without_success_is_reported_in_vertex_s_words_with_a_link(service, state):
    message = "The replica workerpool0-0 exited\nwith a non-zero status of 1."
    service.custom_states = [
        {"state": "JOB_STATE_QUEUED"},
        {"state": f"JOB_STATE_{state.upper()}", "error": {"code": 3, "message": message}},
    ]
    assert failure() == (
        f"{PARENT}/customJobs/1 {state}: The replica workerpool0-0 exited with a non-zero status of 1.\n"
        "look at https://console.cloud.google.com/vertex-ai/locations/europe-west4/training/1?project=my-project"
    )


def test_a_job_that_leaves_no_model_has_failed(service):
    text = failure(is_made=lambda: False)
    assert text.startswith(f"{PARENT}/customJobs/1 succeeded, but left no model\nlook at its log: https://console.")


@pytest.mark.parametrize(
    ("pattern", "answer", "expected"),
    [
        (LIST, refusal(404, "no such location", name="NOT_FOUND"), ["404", "project 'my-project' and region"]),
        (
            CREATE,
            refusal(403, "Permission 'aiplatform.customJobs.create' denied on resource."),
            ["cannot start the training: 403", "roles/aiplatform.user, which holds aiplatform.customJobs.create"],
        ),
        (
            CREATE,
            refusal(403, "You do not have permission to act as service_account: x"),
            ["roles/iam.serviceAccountUser"],
        ),
        (CREATE, refusal(429, "Quota exceeded for custom_model_training_nvidia_t4_gpus"), ["429 Quota", "/iam-admin/"]),
        (CREATE, refusal(400, "Machine type n1 is not supported."), ["400 Machine type n1", "correct what it names"]),
        (
            GET,
            refusal(404, "job is not found", name="NOT_FOUND"),
            ["cannot query the training", "training/1?project"],
        ),
    ],
)
def test_a_refusal_is_explained_at_once(service, pattern, answer, expected):
    service.plant(pattern, answer, times=99)
    text = failure()
    assert all(part in text for part in expected), text
    assert len(service.requests(pattern)) == 1 or pattern == LIST


@pytest.mark.parametrize("fault", [None, UNAVAILABLE, refusal(429, "slow down")], ids=["broken", "503", "429"])
def test_a_training_outlives_looks_without_an_answer(service, fault):
    service.custom_states = [{"state": "JOB_STATE_RUNNING"}, {"state": "JOB_STATE_SUCCEEDED"}]
    service.plant(GET, fault, times=5)
    train()
    assert len(service.requests(GET)) == 7


def test_a_service_that_stays_silent_for_too_long_is_a_failure(service):
    service.plant(GET, UNAVAILABLE, times=10**6)
    text = failure(silent_seconds=0.2)
    assert "cannot query the training, which continues (https://console.cloud.google.com/" in text
    assert "503 try again" in text
    assert len(service.requests(GET)) > 1
    assert not service.requests(CANCEL)


@pytest.mark.parametrize(
    ("pattern", "later", "poll_seconds", "creations"),
    [(LIST, 0, 60, 0), (CREATE, 0, 60, 1), (CREATE, 0.3, 60, 1), (GET, 0, 0.1, 1)],
    ids=["looking", "creating", "waiting", "following"],
)
def test_sigterm_cancels_the_job_at_whatever_time_it_comes(service, pattern, later, poll_seconds, creations):
    service.custom_states = [{"state": "JOB_STATE_RUNNING"}]
    former = signal.getsignal(signal.SIGTERM)
    end = threading.Timer(later, terminate).start if later else terminate
    with when(service, pattern, end), pytest.raises(CustomJobStopped):
        train(poll_seconds=poll_seconds)
    assert signal.getsignal(signal.SIGTERM) == former
    assert len(service.requests(CREATE)) == len(service.requests(CANCEL)) == creations
    assert len(service.requests(GET)) == (1 if pattern == GET else 0)
    assert [job["state"] for job in service.custom_jobs.values()] == ["JOB_STATE_CANCELLING"] * creations


def test_sigterm_cancels_a_job_whose_creation_had_no_answer(service):
    service.plant(CREATE, after=True)
    service.listed_after = 1
    with when(service, CREATE, terminate), pytest.raises(CustomJobStopped):
        train()
    assert [job["state"] for job in service.custom_jobs.values()] == ["JOB_STATE_CANCELLING"]


def test_a_job_that_cannot_be_cancelled_is_logged(service, caplog):
    service.custom_states = [{"state": "JOB_STATE_RUNNING"}]
    service.plant(CANCEL, refusal(403, "Permission 'aiplatform.customJobs.cancel' denied on resource."))
    with when(service, GET, terminate), pytest.raises(CustomJobStopped):
        train()
    assert f"cannot cancel {PARENT}/customJobs/1, which continues: 403" in caplog.text
