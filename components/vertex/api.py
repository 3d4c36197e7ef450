"""Clients of Vertex AI's API, and what its errors mean. REST, so that proxies work and errors are clear."""

from __future__ import annotations

import logging
import os
import re
from typing import Any, Literal, Protocol, TypeVar, cast

import google.auth
from google.api_core import exceptions, operation, operations_v1, retry
from google.auth import exceptions as auth_exceptions
from google.auth.credentials import AnonymousCredentials, Credentials
from google.longrunning import operations_pb2
from requests import exceptions as requests_exceptions

from components.storage import network_errors

# gcloud reads it, too; it names a private endpoint or an emulator.
ENDPOINT_VARIABLE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM"
ERRORS = (exceptions.GoogleAPIError, auth_exceptions.GoogleAuthError, OSError)

_Client = TypeVar("_Client", covariant=True)
_Result = TypeVar("_Result")


class _ClientClass(Protocol[_Client]):
    """The classes of Vertex AI's clients, as far as they are used here."""

    def __call__(
        self, *, credentials: Credentials, transport: Literal["rest"], client_options: dict[str, str]
    ) -> _Client: ...


# How long the polls of an operation may fail.
_POLL_RETRY_SECONDS = 120.0
_TRANSIENT = (exceptions.ServerError, requests_exceptions.ConnectionError, requests_exceptions.Timeout)


def address(region: str) -> str:
    """The URL of the API in ``region``, unless the environment names another one."""
    return os.environ.get(ENDPOINT_VARIABLE, f"https://{region}-aiplatform.googleapis.com").rstrip("/")


def client(kind: _ClientClass[_Client], *, region: str) -> _Client:
    """A client of one of Vertex AI's services.

    Credentials are Google's application default; plain HTTP, which only emulators speak, gets none.

    Raises:
        DefaultCredentialsError: this machine has no credentials.
    """
    url = address(region)
    return kind(credentials=_credentials(url), transport="rest", client_options={"api_endpoint": url})


def finished(running: operation.Operation, kind: type[_Result], *, region: str, seconds: float) -> _Result:
    """The result of a long-running operation; the client's own poll uses a path of the console (``/ui``).

    Args:
        running: operation that a client returned.
        kind: type of the result.
        region: region of the operation.
        seconds: time limit.

    Raises:
        TimeoutError: the operation did not end in time (the error of `concurrent.futures`).
    """
    ours = operation.from_gapic(running.operation, _operations(region), kind)
    return cast(_Result, ours.result(timeout=seconds, retry=_again(_POLL_RETRY_SECONDS)))


def under_way(name: str, *, region: str, **call: Any) -> list[operations_pb2.Operation]:
    """The unfinished operations on a resource, including those of other tasks.

    Args:
        name: name of the resource.
        region: region of the resource.
        call: arguments of the call, from `bounded`.
    """
    return [each for each in _operations(region).list_operations(name, **call) if not each.done]


def bounded(seconds: float) -> dict[str, Any]:
    """Arguments of a call that may be retried: all attempts together end after ``seconds``."""
    return {"retry": _again(seconds), "timeout": seconds}


def once(seconds: float) -> dict[str, Any]:
    """Arguments of a call that must not be retried: a second one would create a second resource."""
    return {"retry": None, "timeout": seconds}


def explain(error: Exception, *, doing: str, project: str, region: str, seconds: float) -> str:
    """One or two lines: what failed, where, and what to do.

    Args:
        error: one of `ERRORS`.
        doing: the action that failed, such as ``start the run``.
        project: id of the project.
        region: region of the call.
        seconds: time limit of the call.
    """
    if isinstance(error, exceptions.RetryError) and error.cause is not None:
        error = error.cause
    where = f"Vertex AI in {project}, {region} ({address(region)})"
    return f"{where}: cannot {doing}: {_what(error, project=project, region=region, seconds=seconds)}."


def _operations(region: str) -> operations_v1.AbstractOperationsClient:
    url = address(region)
    transport = operations_v1.OperationsRestTransport(host=url, credentials=_credentials(url))
    return operations_v1.AbstractOperationsClient(transport=transport)


def _credentials(url: str) -> Credentials:
    if url.startswith("http://"):
        return AnonymousCredentials()
    # It warns that it finds no project; the profile names the project.
    logging.getLogger("google.auth._default").setLevel(logging.ERROR)
    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    return credentials


def _again(seconds: float) -> retry.Retry:
    return retry.Retry(predicate=_is_transient, initial=0.5, maximum=10, multiplier=2, timeout=seconds)


def _is_transient(error: Exception) -> bool:
    return isinstance(error, _TRANSIENT) and not network_errors.never_arrived(error)


def _what(error: Exception, *, project: str, region: str, seconds: float) -> str:
    # A subclass of the next one, raised when anonymous credentials would have to be refreshed.
    if isinstance(error, auth_exceptions.InvalidOperation):
        return f"401: it requires credentials, and plain HTTP gets none;\nlet {ENDPOINT_VARIABLE} begin with https://"
    if isinstance(error, auth_exceptions.DefaultCredentialsError):
        return (
            f"no credentials ({_line(error)});\nrun `gcloud auth application-default login`, "
            "or let GOOGLE_APPLICATION_CREDENTIALS name a key file"
        )
    if isinstance(error, (auth_exceptions.RefreshError, auth_exceptions.OAuthError)):
        return f"the credentials have expired ({_line(error)});\nrun `gcloud auth application-default login`"
    if not isinstance(error, exceptions.GoogleAPICallError):
        return network_errors.cause(error, seconds=seconds) or _line(error)
    said = f"{error.code or ''} {_said(error)}".strip().rstrip(".")
    return f"{said};\n{_remedy(error, said, project=project, region=region)}"


def _remedy(error: exceptions.GoogleAPICallError, said: str, *, project: str, region: str) -> str:
    if error.reason == "SERVICE_DISABLED" or "has not been used in project" in said:
        return f"run `gcloud services enable aiplatform.googleapis.com --project {project}`, and wait a few minutes"
    if error.code == 403:
        return _missing_role(said, project)
    remedies = {
        400: "the request is invalid: correct what it names in the profile, and compile again",
        401: "log in with `gcloud auth application-default login`, or check GOOGLE_APPLICATION_CREDENTIALS",
        404: f"check project {project!r} and region {region!r}, and that the API is enabled there",
        409: "it exists already, or something is changing it: look at it in the console, then try again",
        429: "a quota is used up: wait, or ask for more at "
        f"https://console.cloud.google.com/iam-admin/quotas?project={project}",
    }
    return remedies.get(
        error.code or 0, "Vertex AI failed: try again later, and look at https://status.cloud.google.com"
    )


def _missing_role(said: str, project: str) -> str:
    permission = re.search(r"[a-z]+\.[A-Za-z]+\.[A-Za-z]+", said)
    if "to act as service_account" in said or (permission and permission.group() == "iam.serviceAccounts.actAs"):
        return "the submitter needs roles/iam.serviceAccountUser on the profile's service_account"
    named = f", which holds {permission.group()}," if permission else ""
    return f"grant roles/aiplatform.user{named} in project {project} to your account"


def _said(error: exceptions.GoogleAPICallError) -> str:
    """The server's message, without the method and URL that the library puts before it."""
    text = re.sub(r"^(GET|POST|PATCH|PUT|DELETE) \S+: ", "", str(error.message))
    if text.lstrip().startswith("<"):
        return "(a web page instead of an answer of the API)"
    return " ".join(text.split())[:300]


def _line(error: Exception) -> str:
    # The second argument of these errors is the whole answer.
    return " ".join(str(error.args[0] if error.args else error).split()).split(". ")[0][:200].rstrip(".")
