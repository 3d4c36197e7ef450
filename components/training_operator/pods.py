"""The pods of a TFJob: their states, and why one failed."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass

from kubernetes import client
from urllib3.exceptions import HTTPError

from components.training_operator import tfjob

# The same logger as the training's own progress.
_progress = logging.getLogger("trainer.loop.progress")

_CALL_SECONDS = 30.0
# TensorFlow's prefix of informational lines and warnings.
_NOISE = re.compile(r"[IW]\d{4} ")
_LOG_LINES, _LOG_CHARACTERS = 3, 400


@dataclass(frozen=True)
class _Pod:
    name: str
    status: client.V1PodStatus


class Pods:
    """The pods of one namespace, by their job.

    Args:
        api: connection to the Kubernetes API.
        namespace: namespace of the pods.
    """

    def __init__(self, api: client.ApiClient, *, namespace: str):
        self._api = client.CoreV1Api(api)
        self._namespace = namespace

    def failure(self, name: str) -> str | None:
        """The last lines of the pod that failed first, in one line; None if no pod has failed."""
        failed = [pod for pod in self._list(name) if pod.status.phase == "Failed"]
        if not failed:
            return None
        pod = min(failed, key=_finished)
        ended = _terminated(pod)
        code = f"exited with code {ended.exit_code}" if ended else "failed"
        reason = pod.status.reason or (ended.reason if ended else None)
        return f"pod {pod.name} {code}{f' ({reason})' if reason else ''}: {self._last_lines(pod.name)}"

    def _last_lines(self, pod: str) -> str:
        try:
            log = self._api.read_namespaced_pod_log(
                pod,
                self._namespace,
                container=tfjob.CONTAINER,
                tail_lines=20,
                _request_timeout=_CALL_SECONDS,
            )
        except (client.ApiException, HTTPError) as error:
            return f"its log cannot be read ({getattr(error, 'reason', error)})"
        lines = [line.strip() for line in log.splitlines() if line.strip() and not _NOISE.match(line)]
        return " | ".join(lines[-_LOG_LINES:])[-_LOG_CHARACTERS:] or "its log is empty"

    def states(self, name: str) -> str:
        """The phase of each pod, and what it waits for; in one line."""
        return ", ".join(f"{pod.name} {_state(pod)}" for pod in self._list(name)) or "none"

    def _list(self, name: str) -> list[_Pod]:
        try:
            pods = self._api.list_namespaced_pod(
                self._namespace, label_selector=f"{tfjob.JOB_LABEL}={name}", _request_timeout=_CALL_SECONDS
            ).items
            # The API always sends both; in the client's types they are optional.
            return [_Pod(pod.metadata.name, pod.status) for pod in pods if pod.metadata and pod.status]
        except (client.ApiException, HTTPError) as error:
            _progress.warning("TFJob %s: its pods cannot be listed: %s", name, getattr(error, "reason", error))
            return []


def _terminated(pod: _Pod) -> client.V1ContainerStateTerminated | None:
    states = [status.state for status in pod.status.container_statuses or () if status.name == tfjob.CONTAINER]
    return states[0].terminated if states and states[0] else None


def _finished(pod: _Pod) -> float:
    """When the pod ended; one that was evicted before it ran counts as first."""
    ended = _terminated(pod)
    return ended.finished_at.timestamp() if ended and ended.finished_at else 0.0


def _state(pod: _Pod) -> str:
    waiting = [
        status.state.waiting.reason
        for status in pod.status.container_statuses or ()
        if status.state and status.state.waiting
    ]
    phase = pod.status.phase or "Unknown"
    return f"{phase} ({waiting[0]})" if waiting else phase
