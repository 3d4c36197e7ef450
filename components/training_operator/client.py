"""Starts a TFJob, follows it to its end, and deletes it, through the Kubernetes API."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from kubernetes import client, config
from urllib3.exceptions import HTTPError

from components.training_operator import tfjob
from components.training_operator.pods import Pods
from components.training_operator.tfjob import Object
from trainer.distribution.preemption import Preemption

# The same logger as the training's own progress.
_progress = logging.getLogger("trainer.loop.progress")

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_RESOURCE = {"group": tfjob.GROUP, "version": tfjob.VERSION, "plural": tfjob.PLURAL}
_CALL_SECONDS = 30.0


class TFJobFailed(RuntimeError):
    """The TFJob did not start, or failed; one line: what, which pod, why."""


class TFJobStopped(Exception):
    """SIGTERM arrived; the job is deleted, and the next attempt resumes from the last checkpoint."""


class TFJobs:
    """The TFJobs of one namespace.

    Args:
        api: connection to the Kubernetes API.
        namespace: namespace of the jobs.
        poll_seconds: pause between two queries of a job.
        react_seconds: time within which the operator must react to a new job.
        grace_seconds: extra time for a job beyond its own deadline, and for its pods to end.
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
        self._pods = Pods(api, namespace=namespace)
        self._namespace = namespace
        self._poll_seconds = poll_seconds
        self._react_seconds = react_seconds
        self._grace_seconds = grace_seconds

    def run(self, manifest: Object, *, timeout_seconds: float, on_success: Callable[[], None]) -> None:
        """Create the job, or adopt the one that a killed attempt left; wait for its end; delete it in any case.

        Args:
            manifest: manifest of the job.
            timeout_seconds: limit of the whole training.
            on_success: called after the job succeeded and before it is deleted.

        Raises:
            TFJobFailed: the job did not start, or failed.
            TFJobStopped: SIGTERM arrived.
        """
        name = manifest["metadata"]["name"]
        with Preemption() as preemption:
            try:
                self._start(manifest, preemption)
                self._follow(name, timeout_seconds=timeout_seconds, preemption=preemption)
                on_success()
            except HTTPError as error:
                raise TFJobFailed(f"the Kubernetes API does not answer: {error}") from None
            finally:
                self._delete(name)
                if not preemption.requested:
                    self._await_absence(name)

    def _start(self, manifest: Object, preemption: Preemption) -> None:
        name = manifest["metadata"]["name"]
        existing = self._get(name)
        if existing is not None:
            if tfjob.is_adoptable(existing, manifest):
                _progress.info("TFJob %s exists: an earlier attempt started it.", name)
                return
            self._delete(name)
            self._await_absence(name)
        if preemption.requested:
            raise TFJobStopped("stopped before the training began")
        with self._explained("create"):
            self._jobs.create_namespaced_custom_object(
                **_RESOURCE, namespace=self._namespace, body=manifest, _request_timeout=_CALL_SECONDS
            )
        _progress.info("TFJob %s/%s: created.", self._namespace, name)

    def _follow(self, name: str, *, timeout_seconds: float, preemption: Preemption) -> None:
        begun, reported = time.monotonic(), set[str]()
        while True:
            job = self._look(name)
            holds = tfjob.conditions(job) if job is not None else {}
            for kind in holds.keys() - reported:
                _progress.info("TFJob %s: %s. %s", name, kind, holds[kind])
            reported |= holds.keys()
            if "Succeeded" in holds:
                return
            if "Failed" in holds:
                raise TFJobFailed(f"TFJob {self._namespace}/{name}: {self._pods.failure(name) or holds['Failed']}")
            if preemption.requested:
                raise TFJobStopped(f"stopped: TFJob {name} is deleted; the next attempt resumes it")
            waited = time.monotonic() - begun
            if waited > timeout_seconds + self._grace_seconds:
                raise TFJobFailed(
                    f"TFJob {self._namespace}/{name}: not finished after {timeout_seconds:g} s (platform.training."
                    f"timeout_seconds); pods: {self._pods.states(name)}"
                )
            if not reported and waited > self._react_seconds:
                raise TFJobFailed(
                    f"TFJob {self._namespace}/{name}: nothing has reacted to it for {self._react_seconds:g} s; is the "
                    "Training Operator running?"
                )
            time.sleep(self._poll_seconds)

    def _look(self, name: str) -> Object | None:
        """The job; None if the API does not answer right now."""
        try:
            job = self._get(name)
        except HTTPError as error:
            _progress.warning("TFJob %s: the Kubernetes API does not answer: %s", name, error)
            return None
        if job is None:
            raise TFJobFailed(f"TFJob {self._namespace}/{name}: somebody deleted it while it ran")
        return job

    def _get(self, name: str) -> Object | None:
        try:
            with self._explained("get"):
                job = self._jobs.get_namespaced_custom_object(
                    **_RESOURCE, namespace=self._namespace, name=name, _request_timeout=_CALL_SECONDS
                )
                return cast(Object, job)
        except _Absent:
            return None

    def _delete(self, name: str) -> None:
        """Delete the job; errors are only logged, since the job's own time limits end it, too."""
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
        """Wait until the job is gone with its pods, which may still write."""
        deadline = time.monotonic() + self._grace_seconds
        while time.monotonic() < deadline:
            try:
                if self._get(name) is None:
                    return
            except (TFJobFailed, HTTPError):
                return
            time.sleep(min(1.0, self._poll_seconds))

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            yield
        except client.ApiException as error:
            if (error.status or 0) >= 500 or error.status == 429:
                raise HTTPError(_message(error)) from None
            raise self._refusal(error, verb) from None

    def _refusal(self, error: client.ApiException, verb: str) -> Exception:
        if error.status == 403:
            return TFJobFailed(
                f"the service account may not {verb} TFJobs in namespace {self._namespace}: give it the Role of "
                f"docs/distributed_training.md ({_message(error)})"
            )
        if error.status == 404:
            about = _details(error).get("kind")
            if about == "namespaces":
                return TFJobFailed(f"there is no namespace {self._namespace}; set platform.namespace")
            if about:
                return _Absent()
            return TFJobFailed(
                "this cluster does not know TFJob (its CRD is missing): install the Kubeflow Training Operator 1.x, "
                "docs/distributed_training.md"
            )
        return TFJobFailed(f"the Kubernetes API did not {verb} the TFJob: {error.status}: {_message(error)}")


class _Absent(Exception):
    """There is no such job."""


def connect(namespace: str | None, **options: float) -> TFJobs:
    """The jobs of ``namespace``, in the cluster of this process, or else in that of the kubeconfig.

    Args:
        namespace: namespace; None for that of this pod, or of the kubeconfig's context.
        options: options of `TFJobs`.

    Raises:
        TFJobFailed: there is no cluster.
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
            raise TFJobFailed(
                f"no Kubernetes to train on: neither a pod's service account nor a kubeconfig ({error})"
            ) from None
        own = context["context"].get("namespace", "default")
    return TFJobs(client.ApiClient(settings), namespace=namespace or own, **options)


def _details(error: client.ApiException) -> Mapping[str, Any]:
    """The details of a Status object of the API; empty if the API does not know the resource."""
    try:
        body = json.loads(error.body or "")
    except ValueError:
        return {}
    return (body.get("details") or {}) if isinstance(body, dict) else {}


def _message(error: client.ApiException) -> str:
    try:
        return json.loads(error.body or "")["message"]
    except (ValueError, TypeError, KeyError):
        return str(error.reason)
