"""A training as a TFJob, the custom resource of the Kubeflow Training Operator: what is asked for, and what came of it.

Pods are never restarted: a restart by the operator's ``backoffLimit`` deletes all pods with their logs when it gives
up, and starts a faulty training again and again. The task's own retries continue from the checkpoints instead.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import PositiveInt

from trainer.options import Strict

GROUP, VERSION, PLURAL = "kubeflow.org", "v1", "tfjobs"
# The operator gives TF_CONFIG to the container of this name alone.
CONTAINER = "tensorflow"
# How the operator marks the pods of a job.
JOB_LABEL = "training.kubeflow.org/job-name"
# What tells a job of the same training from one that other code or options made.
DIGEST_ANNOTATION = "tfx-pipeline/digest"
# For the jobs that nobody is left to delete.
_KEPT_SECONDS = 24 * 3600

Object = dict[str, Any]


class TrainingJob(Strict):
    """What the Trainer is told in ``custom_config``, as JSON.

    Attributes:
        namespace: of the job; None is that of this pod.
        workers: processes, the chief among them.
        timeout_seconds: for the whole training.
        shared_folder: that this pod and the workers see under the same path.
        pod: the PodSpec of a worker, with one container, but for its command and user.
        labels: of the job and its pods.
    """

    namespace: str | None = None
    workers: PositiveInt
    timeout_seconds: PositiveInt
    shared_folder: str
    pod: Mapping[str, Any]
    labels: Mapping[str, str] = {}


def manifest(options: TrainingJob, *, name: str, command: Sequence[str], user: int, group: int) -> Object:
    """The TFJob.

    Args:
        options: of the job.
        name: of the job.
        command: of every process.
        user: the workers' user id, that of this process: so each can read what the other wrote.
        group: the workers' group id.
    """
    template = {
        # A mesh's sidecar would outlive the training, and stand between the workers.
        "metadata": {"labels": dict(options.labels), "annotations": {"sidecar.istio.io/inject": "false"}},
        "spec": _pod(options.pod, command=command, user=user, group=group),
    }
    replicas = {"Chief": 1, **({"Worker": options.workers - 1} if options.workers > 1 else {})}
    spec = {
        "runPolicy": {
            "cleanPodPolicy": "Running",
            "activeDeadlineSeconds": options.timeout_seconds,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
        },
        "tfReplicaSpecs": {
            kind: {"replicas": count, "restartPolicy": "Never", "template": template}
            for kind, count in replicas.items()
        },
    }
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "TFJob",
        "metadata": {"name": name, "labels": dict(options.labels), "annotations": {DIGEST_ANNOTATION: digest}},
        "spec": spec,
    }


def _pod(pod: Mapping[str, Any], *, command: Sequence[str], user: int, group: int) -> Object:
    pod = copy.deepcopy(dict(pod))
    [container] = pod["containers"]
    container |= {"name": CONTAINER, "command": list(command)}
    container["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    # Where the image makes this pod root, the workers have to be root, too.
    pod["securityContext"] = {
        "runAsUser": user,
        "runAsGroup": group,
        "runAsNonRoot": user != 0,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return pod


def conditions(job: Mapping[str, Any]) -> dict[str, str]:
    """What holds, by type (``Created``, ``Running``, ``Succeeded``, ``Failed``), with what is said of it."""
    found = job.get("status", {}).get("conditions") or ()
    return {each["type"]: each.get("message", "") for each in found if each.get("status") == "True"}


def is_adoptable(job: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether ``job``, which an attempt before this one left, is the training that is wanted, and still good."""
    digest, its = (each["metadata"].get("annotations", {}).get(DIGEST_ANNOTATION) for each in (wanted, job))
    return digest == its and "deletionTimestamp" not in job["metadata"] and "Failed" not in conditions(job)
