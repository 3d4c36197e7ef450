"""ExitNotice: says how a run ended, well or not, in a file and to a webhook.

It runs last on Kubeflow and on Vertex, even where a gate refused or a node broke; the platform tells it the state.
"""

import http.client
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from tfx.orchestration.kubeflow.decorators import exit_handler

from components.annotations import Parameter
from components.storage.buckets import BucketFailed, ObjectChanged
from components.storage.shared_folders import shared_folder

# Both platforms put their own values here before the node starts.
RUN_PLACEHOLDER = "{{$.pipeline_job_resource_name}}"
CREATED_PLACEHOLDER = "{{$.pipeline_job_create_time_utc}}"

# Vertex's words for the states; those of older Kubeflow installations by the same.
_STATES = {"COMPLETE": "SUCCEEDED", "CACHED": "SUCCEEDED", "CANCELED": "CANCELLED"}
_REQUEST_SECONDS = 10.0
_WAITS_SECONDS = (1.0, 2.0, 4.0)
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class NoticeFailed(Exception):
    """The notice did not arrive everywhere; one line: where not, and why. It never holds the webhook's URL."""


@exit_handler
def ExitNotice(  # noqa: N802 (TFX names components as classes)
    final_status: Parameter[str],
    folder: Parameter[str],
    webhook_env: Parameter[str],
    run: Parameter[str] = "",
    created: Parameter[str] = "",
) -> None:
    """Write ``FOLDER/RUN.json``, and send the same to the webhook where there is one.

    Args:
        final_status: ``FinalStatusStr()``; the platform's PipelineTaskFinalStatus: JSON as text on Vertex, a struct on
            Kubeflow.
        folder: ``gs://...`` or a path.
        webhook_env: the environment variable that holds the webhook's URL; empty for none.
        run: ``RUN_PLACEHOLDER``: the run's name, where the status does not tell it.
        created: ``CREATED_PLACEHOLDER``: when the run began.

    Raises:
        NoticeFailed: the file could not be written or the webhook did not take it. The log tells the state even then.
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
        raise NoticeFailed(f"the run's end ({notice['state']}) is not told everywhere: {'; '.join(failures)}")


def make_notice(final_status: str | Struct | Mapping[str, Any], *, run: str = "", created: str = "") -> dict[str, Any]:
    """What there is to say about a run that ended.

    Args:
        final_status: as the platform gave it.
        run: the run's name, where ``final_status`` does not tell it.
        created: when the run began.

    Returns:
        ``run`` (a file's name), ``resource`` (the platform's full name of the run), ``state`` (SUCCEEDED, FAILED,
        CANCELLED, or what else the platform calls it), ``error`` (None, or ``code`` and ``message``), ``task`` (whose
        state it is), ``created`` and ``ended`` (UTC).
    """
    status = _status(final_status)
    now = datetime.now(timezone.utc)
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
    """Write a file, whole or not at all.

    Args:
        text: its content.
        folder: ``gs://...`` or a path, which is created.
        name: of the file.

    Raises:
        NoticeFailed: it cannot be written.
    """
    try:
        place = shared_folder(folder)
        # A task that is tried again finds what it wrote before.
        before = place.read(name)
        place.write(name, text.encode(), generation=before[1] if before else 0)
    except (BucketFailed, ObjectChanged, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise NoticeFailed(f"{folder.rstrip('/')}/{name} cannot be written ({reason})") from None


def post(text: str, *, webhook_env: str, waits: Sequence[float] = _WAITS_SECONDS) -> None:
    """Send JSON to the URL that an environment variable holds, a few times where it may help.

    Args:
        text: the JSON.
        webhook_env: the variable's name. Its value is a secret: no message holds it.
        waits: seconds before each further attempt.

    Raises:
        NoticeFailed: there is no such variable, or nobody took the text.
    """
    url = os.environ.get(webhook_env, "")
    if not url:
        raise NoticeFailed(f"the environment variable {webhook_env} with the webhook's URL is not set")
    for wait in (*waits, None):
        reason, again = _attempt(url, text)
        if reason is None:
            return
        if not again or wait is None:
            raise NoticeFailed(f"the webhook of {webhook_env} did not take it ({reason})")
        time.sleep(wait)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without the notice."""

    def redirect_request(self, *arguments: Any) -> None:
        """Follow none; the answer is an HTTPError then."""


def _attempt(url: str, text: str) -> tuple[str | None, bool]:
    """Why it failed, or None; and whether another attempt may help.

    Neither `requests` nor `urllib3`: their messages and their logs hold the URL.
    """
    try:
        if not url.startswith(("http://", "https://")):
            return "its value is no http:// or https:// URL", False
        request = urllib.request.Request(url, data=text.encode(), headers={"Content-Type": "application/json"})
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=_REQUEST_SECONDS):
            return None, False
    except urllib.error.HTTPError as error:
        return f"it answered {error.code}", error.code in _TRY_AGAIN
    except urllib.error.URLError as error:
        return type(error.reason).__name__, True
    except OSError as error:
        return type(error).__name__, True
    except (ValueError, http.client.HTTPException) as error:
        return type(error).__name__, False


def _status(value: str | Struct | Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a PipelineTaskFinalStatus by their JSON names; a text that is none is told as the error."""
    if isinstance(value, Struct):
        value = json_format.MessageToDict(value)
    if isinstance(value, str):
        text = value
        try:
            value = json.loads(text)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            return {"error": {"message": f"the platform told no status but {text[:400]!r}"}}
    return dict(value)


def _first(status: Mapping[str, Any], *keys: str) -> Any:
    """The first of the fields that there is, by its name in JSON or in the protobuf; empty ones are none."""
    for key in keys:
        snake = re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", key)
        for name in (key, snake):
            if status.get(name) not in (None, "", 0, "0"):
                return status[name]
    return None


def _resolved(value: str) -> str | None:
    """None for nothing, and for a placeholder that the platform did not know."""
    return value if value and "{{" not in value else None
