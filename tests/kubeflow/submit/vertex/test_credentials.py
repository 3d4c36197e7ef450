"""Credentials: sent over TLS alone, and what to do where they are missing or not taken."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from components.vertex.api import ENDPOINT_VARIABLE
from tests.kubeflow.fakes.http_service import Refusal, running
from tests.kubeflow.fakes.vertex import FakeVertex, refusal
from tests.kubeflow.submit.submissions import account, certificate
from tests.kubeflow.submit.vertex.submitting import CREATE, failure, send
from tests.serving.support.certificates import Authority

# A run that is waited for although it has ended would be waited for for ever.
pytestmark = [pytest.mark.tensorflow, pytest.mark.timeout(120)]


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
