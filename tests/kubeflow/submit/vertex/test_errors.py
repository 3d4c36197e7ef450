"""A service that refuses, is silent or cannot be reached, and credentials: what, where, what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from components.vertex.api import ENDPOINT_VARIABLE
from tests.kubeflow.fakes.http_service import Refusal, running
from tests.kubeflow.fakes.vertex import FakeVertex, refusal
from tests.kubeflow.submit.submissions import account, certificate
from tests.kubeflow.submit.vertex.submitting import CREATE, failure, send
from tests.serving.support.certificates import Authority

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
        (refusal(403, "Permission 'iam.serviceAccounts.actAs' denied on runner."), ["roles/iam.serviceAccountUser"]),
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
    assert send().name in secure.jobs
    assert secure.requests(CREATE)[0].headers["authorization"] == "Bearer secret"


def test_a_certificate_that_nobody_signed(secure, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    text = failure()
    assert "TLS failed" in text
    assert "REQUESTS_CA_BUNDLE" in text


def test_credentials_that_are_not_taken(secure):
    secure.plant(CREATE, refusal(401, "Request had invalid authentication.", name="UNAUTHENTICATED"), times=9)
    text = failure()
    assert "401 Request had invalid authentication" in text
    assert "gcloud auth application-default login" in text


def test_credentials_that_have_ended(secure):
    gone = Refusal(400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."})
    secure.plant("POST /token", gone, times=9)
    text = failure()
    assert "the credentials have expired" in text
    assert "Token has been expired or revoked" in text
    assert "gcloud auth application-default login" in text


def test_no_credentials_on_the_machine(tmp_path, monkeypatch):
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.delenv(ENDPOINT_VARIABLE, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    text = failure()
    assert "no credentials" in text
    assert "gcloud auth application-default login" in text
    assert "GOOGLE_APPLICATION_CREDENTIALS" in text


def test_nothing_secret_goes_over_plain_http(service, tmp_path, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account(tmp_path, token_url=f"{service.url}/token")))
    send()
    assert not service.requests("/token")
    assert "authorization" not in service.requests(CREATE)[0].headers
