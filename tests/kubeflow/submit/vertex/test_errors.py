"""A service that refuses, is silent or cannot be reached: what, where, what to do."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from components.vertex.api import ENDPOINT_VARIABLE
from tests.kubeflow.fakes.http_service import Refusal
from tests.kubeflow.fakes.vertex import refusal
from tests.kubeflow.submit.vertex.submitting import CREATE, failure

# A run that is waited for although it has ended would be waited for for ever.
pytestmark = [pytest.mark.tensorflow, pytest.mark.timeout(120)]


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
    text = failure(timeout_seconds=1.2)
    assert "Vertex AI in my-project, europe-west4" in text
    for part in ["cannot start the run", *said]:
        assert part in text
    assert not service.jobs


def test_a_silent_service_ends_in_time(service):
    service.plant(CREATE, hang=True, times=9)
    assert "no answer within 0.5 s" in failure(timeout_seconds=0.5)


def test_a_port_where_nothing_listens(monkeypatch):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setenv(ENDPOINT_VARIABLE, url)
    text = failure()
    assert "connection refused" in text
    assert url in text


def test_a_name_that_dns_does_not_know(monkeypatch):
    monkeypatch.setenv(ENDPOINT_VARIABLE, "http://vertex.invalid")
    monkeypatch.setenv("NO_PROXY", "*")
    assert "DNS does not know vertex.invalid;" in failure()
