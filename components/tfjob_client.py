"""Starts a TFJob, follows it to its end, and deletes it, through the Kubernetes API."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubernetes import client, config
from urllib3.exceptions import HTTPError

from components import tfjob
from components.tfjob import Object
from trainer.preemption import Preemption

# The same logger as the training's own progress.
_progress = logging.getLogger("trainer.progress")

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_RESOURCE = {"group": tfjob.GROUP, "version": tfjob.VERSION, "plural": tfjob.PLURAL}
_CALL_SECONDS = 30.0
# How TensorFlow begins a line that informs or warns.
_NOISE = re.compile(r"[IW]\d{4} ")
_LOG_LINES, _LOG_CHARACTERS = 3, 400


class TrainingJobFailed(RuntimeError):
    """The training's job could not be run, or did not end well; one line: what, which pod, why."""


class TrainingJobStopped(Exception):
    """SIGTERM came; the job is deleted, and the next attempt continues from its last checkpoint."""


class TFJobs:
    """The TFJobs of one namespace.

    Args:
        api: a connection.
        namespace: of the jobs.
        poll_seconds: between two looks at a job.
        react_seconds: within which the operator must have noticed a new job.
        grace_seconds: what a job gets beyond its own deadline, and its pods to end.
    """

    def __init__(
        self,
        api: client.ApiClient,
        *,
        namespace: str,
        poll_seconds: float = 5.0,
        react_seconds: float = 300.0,
        grace_seconds: float = 60.0,
    ):
        self._jobs = client.CustomObjectsApi(api)
        self._pods = client.CoreV1Api(api)
        self._namespace = namespace
        self._poll_seconds = poll_seconds
        self._react_seconds = react_seconds
        self._grace_seconds = grace_seconds

    def run(self, manifest: Object, *, timeout_seconds: float) -> None:
        """Create the job, or take up the one that a killed attempt left; wait for its end; delete it in any case.

        Raises:
            TrainingJobFailed: see there.
            TrainingJobStopped: SIGTERM came.
        """
        name = manifest["metadata"]["name"]
        with Preemption() as preemption:
            try:
                self._start(manifest, preemption)
                self._follow(name, timeout_seconds=timeout_seconds, preemption=preemption)
            except HTTPError as error:
                raise TrainingJobFailed(f"the Kubernetes API does not answer: {error}") from None
            finally:
                self._delete(name)
                if not preemption.requested:
                    self._await_absence(name)

    def _start(self, manifest: Object, preemption: Preemption) -> None:
        name = manifest["metadata"]["name"]
        existing = self._get(name)
        if existing is not None:
            if tfjob.is_adoptable(existing, manifest):
                _progress.info("TFJob %s is there already: an attempt before this one started it.", name)
                return
            self._delete(name)
            self._await_absence(name)
        if preemption.requested:
            raise TrainingJobStopped("stopped before the training began")
        with self._explained("create"):
            self._jobs.create_namespaced_custom_object(
                **_RESOURCE, namespace=self._namespace, body=manifest, _request_timeout=_CALL_SECONDS
            )
        _progress.info("TFJob %s/%s: asked for.", self._namespace, name)

    def _follow(self, name: str, *, timeout_seconds: float, preemption: Preemption) -> None:
        begun, told = time.monotonic(), set()
        while True:
            job = self._look(name)
            holds = tfjob.conditions(job) if job is not None else {}
            for kind in holds.keys() - told:
                _progress.info("TFJob %s: %s. %s", name, kind, holds[kind])
            told |= holds.keys()
            if "Succeeded" in holds:
                return
            if "Failed" in holds:
                raise TrainingJobFailed(f"TFJob {self._namespace}/{name}: {self._failure(name) or holds['Failed']}")
            if preemption.requested:
                raise TrainingJobStopped(f"stopped: TFJob {name} is deleted; the next attempt goes on where it was")
            waited = time.monotonic() - begun
            if waited > timeout_seconds + self._grace_seconds:
                raise TrainingJobFailed(
                    f"TFJob {self._namespace}/{name}: not done after {timeout_seconds:g} s (platform.training."
                    f"timeout_seconds); pods: {self._pod_states(name)}"
                )
            if not told and waited > self._react_seconds:
                raise TrainingJobFailed(
                    f"TFJob {self._namespace}/{name}: nothing reacts to it since {self._react_seconds:g} s; is the "
                    "Training Operator running?"
                )
            time.sleep(self._poll_seconds)

    def _look(self, name: str) -> Object | None:
        """The job; None where the API cannot be asked just now."""
        try:
            job = self._get(name)
        except HTTPError as error:
            _progress.warning("TFJob %s: the Kubernetes API does not answer: %s", name, error)
            return None
        if job is None:
            raise TrainingJobFailed(f"TFJob {self._namespace}/{name}: somebody deleted it while it ran")
        return job

    def _get(self, name: str) -> Object | None:
        try:
            with self._explained("get"):
                return self._jobs.get_namespaced_custom_object(
                    **_RESOURCE, namespace=self._namespace, name=name, _request_timeout=_CALL_SECONDS
                )
        except _Absent:
            return None

    def _delete(self, name: str) -> None:
        """Errors are told, and hide no other: the job's own time limits end it, too."""
        try:
            self._jobs.delete_namespaced_custom_object(
                **_RESOURCE,
                namespace=self._namespace,
                name=name,
                body=client.V1DeleteOptions(propagation_policy="Foreground"),
                _request_timeout=_CALL_SECONDS,
            )
        except client.ApiException as error:
            if error.status != 404:
                _progress.warning("TFJob %s could not be deleted: %s", name, _message(error))
        except HTTPError as error:
            _progress.warning("TFJob %s could not be deleted: %s", name, error)

    def _await_absence(self, name: str) -> None:
        """Wait until the pods are gone with their job, for they may still write."""
        deadline = time.monotonic() + self._grace_seconds
        while time.monotonic() < deadline:
            try:
                if self._get(name) is None:
                    return
            except (TrainingJobFailed, HTTPError):
                return
            time.sleep(min(1.0, self._poll_seconds))

    def _failure(self, name: str) -> str | None:
        """What the pod that failed first said last."""
        failed = [pod for pod in self._list_pods(name) if pod.status.phase == "Failed"]
        if not failed:
            return None
        pod = min(failed, key=_finished)
        ended = _terminated(pod)
        code = f"exited with code {ended.exit_code}" if ended else "failed"
        reason = pod.status.reason or (ended.reason if ended else None)
        return f"pod {pod.metadata.name} {code}{f' ({reason})' if reason else ''}: {self._last_lines(pod)}"

    def _last_lines(self, pod: client.V1Pod) -> str:
        try:
            log = self._pods.read_namespaced_pod_log(
                pod.metadata.name,
                self._namespace,
                container=tfjob.CONTAINER,
                tail_lines=20,
                _request_timeout=_CALL_SECONDS,
            )
        except (client.ApiException, HTTPError) as error:
            return f"its log cannot be read ({getattr(error, 'reason', error)})"
        lines = [line.strip() for line in log.splitlines() if line.strip() and not _NOISE.match(line)]
        return " | ".join(lines[-_LOG_LINES:])[-_LOG_CHARACTERS:] or "it said nothing"

    def _pod_states(self, name: str) -> str:
        return ", ".join(f"{pod.metadata.name} {_state(pod)}" for pod in self._list_pods(name)) or "none"

    def _list_pods(self, name: str) -> list[client.V1Pod]:
        try:
            return self._pods.list_namespaced_pod(
                self._namespace, label_selector=f"{tfjob.JOB_LABEL}={name}", _request_timeout=_CALL_SECONDS
            ).items
        except (client.ApiException, HTTPError) as error:
            _progress.warning("TFJob %s: its pods cannot be listed: %s", name, getattr(error, "reason", error))
            return []

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            yield
        except client.ApiException as error:
            if error.status >= 500 or error.status == 429:
                raise HTTPError(_message(error)) from None
            raise self._refusal(error, verb) from None

    def _refusal(self, error: client.ApiException, verb: str) -> Exception:
        if error.status == 403:
            return TrainingJobFailed(
                f"the service account may not {verb} TFJobs in namespace {self._namespace}: give it the Role of "
                f"docs/distributed_training.md ({_message(error)})"
            )
        if error.status == 404:
            about = _details(error).get("kind")
            if about == "namespaces":
                return TrainingJobFailed(f"there is no namespace {self._namespace}; set platform.namespace")
            if about:
                return _Absent()
            return TrainingJobFailed(
                "this cluster does not know TFJob (its CRD is missing): install the Kubeflow Training Operator 1.x, "
                "docs/distributed_training.md"
            )
        return TrainingJobFailed(f"the Kubernetes API did not {verb} the TFJob: {error.status}: {_message(error)}")


class _Absent(Exception):
    """There is no such job."""


def connect(namespace: str | None, **options: float) -> TFJobs:
    """The jobs of ``namespace``, in the cluster that this process runs in, else in that of the kubeconfig.

    Args:
        namespace: None is that of this pod, or of the kubeconfig's context.
        options: see `TFJobs`.

    Raises:
        TrainingJobFailed: there is neither.
    """
    settings = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=settings)
        own = _NAMESPACE_FILE.read_text().strip() if _NAMESPACE_FILE.exists() else "default"
    except config.ConfigException:
        try:
            config.load_kube_config(client_configuration=settings)
            _, context = config.list_kube_config_contexts()
        except config.ConfigException as error:
            raise TrainingJobFailed(
                f"no Kubernetes to train on: this is no pod with a service account, and no kubeconfig ({error})"
            ) from None
        own = context["context"].get("namespace", "default")
    return TFJobs(client.ApiClient(settings), namespace=namespace or own, **options)


def _details(error: client.ApiException) -> Mapping[str, Any]:
    """What a Status object of the API is about; nothing where the API does not even know the resource."""
    try:
        body = json.loads(error.body or "")
    except ValueError:
        return {}
    return (body.get("details") or {}) if isinstance(body, dict) else {}


def _message(error: client.ApiException) -> str:
    try:
        return json.loads(error.body)["message"]
    except (ValueError, TypeError, KeyError):
        return str(error.reason)


def _terminated(pod: client.V1Pod) -> client.V1ContainerStateTerminated | None:
    states = [status.state for status in pod.status.container_statuses or () if status.name == tfjob.CONTAINER]
    return states[0].terminated if states and states[0] else None


def _finished(pod: client.V1Pod) -> float:
    """When; a pod that was evicted before it ran counts as first."""
    ended = _terminated(pod)
    return ended.finished_at.timestamp() if ended and ended.finished_at else 0.0


def _state(pod: client.V1Pod) -> str:
    waiting = [
        status.state.waiting.reason
        for status in pod.status.container_statuses or ()
        if status.state and status.state.waiting
    ]
    return f"{pod.status.phase} ({waiting[0]})" if waiting else pod.status.phase
