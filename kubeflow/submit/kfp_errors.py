"""What the errors of Kubeflow Pipelines mean, in one or two lines."""

from __future__ import annotations

import json

import kfp_server_api

from components.storage import network_errors
from kubeflow.submit.kfp_client import COOKIES_VARIABLE, TOKEN_VARIABLE

_LOG_IN = f"set a token in {TOKEN_VARIABLE} or the cookies of a session in {COOKIES_VARIABLE}, see docs/submitting.md"
_REMEDIES = {
    0: f"platform.host must be the API's URL (on a full Kubeflow: https://HOST/pipeline); behind a log-in, {_LOG_IN}",
    400: "the request is invalid: correct what it names, and compile again",
    401: _LOG_IN,
    409: "this name is taken: rename it, or delete the other one in the user interface",
    429: "too many requests: try again in a minute",
}


def explain(error: Exception, *, doing: str, host: str, namespace: str | None, seconds: float) -> str:
    """What failed, where, and what to do.

    Args:
        error: one of `kubeflow.submit.kfp_client.ERRORS`.
        doing: the action that failed, such as ``start the run``.
        host: URL of the API.
        namespace: namespace of the run.
        seconds: limit of the call.
    """
    where = f"Kubeflow Pipelines at {host}"
    if not isinstance(error, kfp_server_api.ApiException):
        reason = network_errors.cause(error, seconds=seconds) or " ".join(str(error).split())[:300]
        return f"{where}: cannot {doing}: {reason}."
    said = f"{error.status or ''} {_said(error)}".strip().rstrip(".")
    return f"{where}: cannot {doing}: {said};\n{_remedy(error.status or 0, namespace)}."


def may_have_worked(error: Exception) -> bool:
    """Whether the server may have carried out the request although its answer was bad or lost."""
    if isinstance(error, kfp_server_api.ApiException):
        return (error.status or 0) >= 500
    return not network_errors.never_arrived(error)


def _remedy(status: int, namespace: str | None) -> str:
    if status == 403:
        role = "the cluster role kubeflow-edit (create on experiments, runs and jobs of pipelines.kubeflow.org)"
        return f"the account needs {role} in namespace {namespace or 'of the installation'}"
    if status == 404:
        return "check platform.host (the API, version 2) and platform.namespace"
    if 300 <= status < 400:
        return f"this is a log-in page: {_LOG_IN}"
    return _REMEDIES.get(status, "the server failed: look at the log of ml-pipeline, and try again")


def _said(error: kfp_server_api.ApiException) -> str:
    """The server's own words."""
    body = error.body.decode(errors="replace") if isinstance(error.body, bytes) else error.body or ""
    try:
        answer = json.loads(body)
        text = str(answer.get("error") or answer.get("message") or "") if isinstance(answer, dict) else ""
    except ValueError:
        text = "" if body.lstrip().startswith("<") else body
    return " ".join((text or str(error.reason or "")).split())[:300]
