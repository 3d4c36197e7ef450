"""ExitNotice: reports how a run ended, in a file and to a webhook.

It runs last on every platform, even if a gate refused or a node failed; the platform passes it the final state.
"""

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import requests
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from requests.adapters import HTTPAdapter
from tfx.orchestration.kubeflow.decorators import exit_handler
from urllib3.util.retry import Retry

from components.annotations import Parameter
from components.storage.buckets import BucketFailed, ObjectChanged
from components.storage.shared_folders import shared_folder

# Both platforms put their own values here before the node starts.
RUN_PLACEHOLDER = "{{$.pipeline_job_resource_name}}"
CREATED_PLACEHOLDER = "{{$.pipeline_job_create_time_utc}}"

# States of older Kubeflow installations, by Vertex's words.
_STATES = {"COMPLETE": "SUCCEEDED", "CACHED": "SUCCEEDED", "CANCELED": "CANCELLED"}
_REQUEST_SECONDS = 10.0
_RETRIES = 3
_BACKOFF_FACTOR = 1.0
_RETRY_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


class NoticeFailed(Exception):
    """The notice did not arrive everywhere; one line: where not, and why, without the webhook's URL."""


@exit_handler
def ExitNotice(  # noqa: N802 (TFX names components as classes)
    final_status: Parameter[str],
    folder: Parameter[str],
    webhook_env: Parameter[str],
    run: Parameter[str] = "",
    created: Parameter[str] = "",
) -> None:
    """Write ``FOLDER/RUN.json``, and send the same JSON to the webhook, if there is one.

    Args:
        final_status: ``FinalStatusStr()``; the platform's PipelineTaskFinalStatus: JSON as text on Vertex, a struct on
            Kubeflow.
        folder: ``gs://...`` or a path.
        webhook_env: name of the environment variable with the webhook's URL; empty for none.
        run: ``RUN_PLACEHOLDER``, the run's name if the status does not contain it.
        created: ``CREATED_PLACEHOLDER``, the start of the run.

    Raises:
        NoticeFailed: the file could not be written, or the webhook did not accept it. The log has the state even then.
    """
    notice = make_notice(final_status, run=run, created=created)
    message = notice["error"]["message"] if notice["error"] else ""
    print(f"run {notice['run']} ended: {notice['state']} {message}".rstrip(), flush=True)
    text = json.dumps(notice, indent=2) + "\n"
    failures = []
    try:
        write(text, folder=folder, name=f"{notice['run']}.json")
    except NoticeFailed as error:
        failures.append(str(error))
    if webhook_env:
        try:
            post(text, webhook_env=webhook_env)
        except NoticeFailed as error:
            failures.append(str(error))
    if failures:
        raise NoticeFailed(f"the notice of the run ({notice['state']}) is incomplete: {'; '.join(failures)}")


def make_notice(final_status: str | Struct | Mapping[str, Any], *, run: str = "", created: str = "") -> dict[str, Any]:
    """The notice of a run that ended.

    Args:
        final_status: PipelineTaskFinalStatus as the platform passed it.
        run: the run's name, used if ``final_status`` has none.
        created: start of the run.

    Returns:
        ``run`` (a file's name), ``resource`` (the platform's full name of the run), ``state`` (SUCCEEDED, FAILED,
        CANCELLED, or another word of the platform), ``error`` (None, or ``code`` and ``message``), ``task`` (whose
        state it is), ``created`` and ``ended`` (UTC).
    """
    status = _status(final_status)
    now = datetime.now(UTC)
    resource = _first(status, "pipelineJobResourceName", "pipelineJobName", "pipelineJobUuid") or _resolved(run)
    name = re.sub(r"[^\w.-]+", "-", str(resource or "").rsplit("/", maxsplit=1)[-1]).strip(".-")
    state = str(_first(status, "state") or "UNKNOWN")
    error = status.get("error") or {}
    return {
        "run": name or f"unnamed-{now:%Y%m%dT%H%M%S.%f}",
        "resource": resource,
        "state": _STATES.get(state, state),
        "error": {"code": error.get("code"), "message": error.get("message", "")} if error else None,
        "task": _first(status, "pipelineTaskName"),
        "created": _resolved(created),
        "ended": now.isoformat(timespec="seconds"),
    }


def write(text: str, *, folder: str, name: str) -> None:
    """Write a file atomically.

    Args:
        text: content of the file.
        folder: ``gs://...`` or a path, which is created.
        name: name of the file.

    Raises:
        NoticeFailed: it cannot be written.
    """
    try:
        place = shared_folder(folder)
        # A retried task finds the file of its earlier attempt.
        before = place.read(name)
        place.write(name, text.encode(), generation=before[1] if before else 0)
    except (BucketFailed, ObjectChanged, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise NoticeFailed(f"{folder.rstrip('/')}/{name} cannot be written ({reason})") from None


def post(text: str, *, webhook_env: str, backoff_factor: float = _BACKOFF_FACTOR) -> None:
    """Send JSON to the URL in an environment variable, with retries where they may help.

    Args:
        text: the JSON.
        webhook_env: name of the variable. Its value is a secret: no message and no log contains it.
        backoff_factor: scale of the pauses before the retries, which are 0, 2 and 4 times this many seconds.

    Raises:
        NoticeFailed: there is no such variable, or the webhook did not accept the text.
    """
    url = os.environ.get(webhook_env, "")
    if not url:
        raise NoticeFailed(f"the environment variable {webhook_env} with the webhook's URL is not set")
    reason = _refusal(url, text, backoff_factor)
    if reason:
        raise NoticeFailed(f"the webhook of {webhook_env} did not accept it ({reason})")


def _refusal(url: str, text: str, backoff_factor: float) -> str | None:
    """Why the webhook did not accept the text; None if it did."""
    if not url.startswith(("http://", "https://")):
        return "its value is not an http:// or https:// URL"
    retries = Retry(
        _RETRIES,
        status_forcelist=_RETRY_STATUSES,
        allowed_methods=None,
        raise_on_status=False,
        backoff_factor=backoff_factor,
    )
    headers = {"Content-Type": "application/json"}
    try:
        with _unlogged(), requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, HTTPAdapter(max_retries=retries))
            # A redirected POST would become a GET without the notice.
            answer = session.post(
                url, data=text.encode(), headers=headers, timeout=_REQUEST_SECONDS, allow_redirects=False
            )
    except (requests.RequestException, ValueError, OSError) as error:
        return type(error).__name__
    return None if answer.status_code < 300 else f"it answered {answer.status_code}"


@contextmanager
def _unlogged() -> Iterator[None]:
    """A context in which urllib3, whose messages contain the URL, logs nothing."""
    loggers = [logging.getLogger(name) for name in ("urllib3.connectionpool", "urllib3.util.retry")]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


def _status(value: str | Struct | Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a PipelineTaskFinalStatus by their JSON names; any other text becomes the error."""
    if isinstance(value, Struct):
        value = json_format.MessageToDict(value)
    if not isinstance(value, str):
        return dict(value)
    try:
        status = json.loads(value)
    except ValueError:
        status = None
    if not isinstance(status, dict):
        return {"error": {"message": f"the platform passed {value[:400]!r} instead of a status"}}
    return status


def _first(status: Mapping[str, Any], *keys: str) -> Any:
    """The first field with a value, by its name in JSON or in the protobuf."""
    for key in keys:
        snake = re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", key)
        for name in (key, snake):
            if status.get(name) not in (None, "", 0, "0"):
                return status[name]
    return None


def _resolved(value: str) -> str | None:
    """``value``; None if it is empty or a placeholder that the platform did not fill in."""
    return value if value and "{{" not in value else None
