"""Custom jobs of a local Vertex AI: the requests for them, and what happens while one is answered."""

import os
import signal
import threading
from contextlib import contextmanager

from components.vertex.custom_job import CustomJobRun
from components.vertex.custom_job_options import CustomJobOptions
from tests.kubeflow.fakes.vertex import refusal

PARENT = "projects/my-project/locations/europe-west4"
NAME = "train-0123456789abcdef"
CREATE = "POST .*/customJobs$"
GET = "GET .*/customJobs/"
LIST = "GET .*/customJobs$"
CANCEL = ":cancel$"
OPTIONS = CustomJobOptions(
    project="my-project", region="europe-west4", image="image@sha256:0", machine_type="n1-standard-8"
)
UNAVAILABLE = refusal(503, "try again", name="UNAVAILABLE")


def train(options=OPTIONS, *, is_made=lambda: True, **keys):
    CustomJobRun(options, name=NAME, **{"poll_seconds": 0.01, **keys}).run(["python", "-m", "x"], is_made=is_made)


def sent(service):
    (asked,) = service.requests(CREATE)
    return asked.body


@contextmanager
def when(service, pattern, do=lambda: None):
    """Do something while the first such request is answered."""
    ask, happened = service.answer, threading.Event()

    def answer(request):
        answered = ask(request)
        if not happened.is_set() and service.requests(pattern):
            happened.set()
            do()
        return answered

    service.answer = answer
    yield happened
    service.answer = ask


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)
