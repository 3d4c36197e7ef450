"""A local Vertex AI that the service's own client talks to."""

import pytest

from components.vertex.api import ENDPOINT_VARIABLE
from tests.kubeflow.fakes.http_service import running
from tests.kubeflow.fakes.vertex import FakeVertex


@pytest.fixture
def service(monkeypatch):
    with running(FakeVertex()) as fake:
        monkeypatch.setenv(ENDPOINT_VARIABLE, fake.url)
        yield fake
