"""What registering and deploying have in common: the version, the location, and how to wait for Vertex."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from google.api_core import exceptions
from google.api_core.operation import Operation
from google.cloud import aiplatform_v1 as vertex

from components.vertex import api

CALL_SECONDS = 60.0
# Vertex's own time limits of the two, rounded up.
UPLOAD_SECONDS = 1800.0
DEPLOY_SECONDS = 5400.0
_POLL_SECONDS = 15.0

_Result = TypeVar("_Result")


class DeploymentFailed(Exception):
    """The endpoint does not serve the model; its traffic is what it was. One or two lines: what, where, what to do."""


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """The version to deploy.

    Attributes:
        destination: folder of the version, ``gs://BUCKET/.../VERSION``.
        version: number of the version.
        model_name: name of the model in requests.
    """

    destination: str
    version: str
    model_name: str


@dataclass(frozen=True, kw_only=True)
class Location:
    """Where to deploy to.

    Attributes:
        project: id of the project.
        region: region, such as ``europe-west4``.
        encryption_key: key of new resources; empty for Google's own keys.
    """

    project: str
    region: str
    encryption_key: str = ""

    @property
    def parent(self) -> str:
        """The resource name of the location."""
        return f"projects/{self.project}/locations/{self.region}"

    @property
    def encryption(self) -> vertex.EncryptionSpec | None:
        """The encryption of new resources."""
        return vertex.EncryptionSpec(kms_key_name=self.encryption_key) if self.encryption_key else None


class Step:
    """A context that turns Vertex's errors into `DeploymentFailed`, with the action that failed."""

    def __init__(self, location: Location):
        self._location = location
        self._doing = ""

    def __call__(self, doing: str) -> Step:
        """Name the action inside the context."""
        self._doing = doing
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, api.ERRORS):
            location = self._location
            raise DeploymentFailed(
                api.explain(
                    error, doing=self._doing, project=location.project, region=location.region, seconds=CALL_SECONDS
                )
            ) from error


def finished(operation: Operation, kind: type[_Result], location: Location, *, seconds: float) -> _Result:
    """The result of a long-running operation."""
    try:
        return api.finished(operation, kind, region=location.region, seconds=seconds)
    except concurrent.futures.TimeoutError:
        raise DeploymentFailed(
            f"{operation.operation.name}: not finished after {seconds / 60:.0f} minutes; look at it in the console."
        ) from None


def once_free(attempt: Callable[[], _Result | None], *, seconds: float, busy: str) -> _Result:
    """The result of ``attempt``, which is retried while another task does the same.

    The other task may be an earlier attempt of this one: Vertex finishes the requests of dead tasks.

    Args:
        attempt: looks for the result before it creates it; None, or a 409 of Vertex, means that another task is busy.
        seconds: how long to wait for the other task.
        busy: name of the other task's action, for the error.

    Raises:
        DeploymentFailed: the other task did not end in time.
        Conflict: the same, as reported by Vertex.
    """
    deadline = time.monotonic() + seconds
    while True:
        late = time.monotonic() >= deadline
        try:
            result = attempt()
        except exceptions.Conflict:
            if late:
                raise
            result = None
        if result is not None:
            return result
        if late:
            raise DeploymentFailed(
                f"{busy}: still under way after {seconds / 60:.0f} minutes; look at it in the console."
            )
        time.sleep(_POLL_SECONDS)
