"""A compiled pipeline, submitted to a local Vertex AI."""

from __future__ import annotations

import pytest

from kubeflow.submit.request import Request, SubmissionFailed
from kubeflow.submit.submission import submit
from tests.kubeflow.submit.submissions import compiled, config

CREATE = "POST .*/pipelineJobs"


def send(*overrides: str, **options):
    options = {"parameters": {}, "timeout_seconds": 5.0, "poll_seconds": 0.01, **options}
    return submit(compiled(), config("vertex", *overrides), Request(**options))


def failure(*overrides: str, **options) -> str:
    with pytest.raises(SubmissionFailed) as caught:
        send(*overrides, **options)
    text = str(caught.value)
    assert len(text.splitlines()) <= 2, text
    return text
