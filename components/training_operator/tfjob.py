"""A training as a TFJob, the custom resource of the Kubeflow Training Operator: its manifest and its conditions.

Pods are never restarted: with ``backoffLimit``, the operator restarts a faulty training again and again, and deletes
all pods with their logs when it gives up. The task's own retries resume from the checkpoints instead.
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
# The operator sets TF_CONFIG only in the container of this name.
CONTAINER = "tensorflow"
# The operator's label on the pods of a job.
JOB_LABEL = "training.kubeflow.org/job-name"
# Distinguishes a job of the same training from one of other code or options.
DIGEST_ANNOTATION = "tfx-pipeline/digest"
# For jobs that no process is left to delete.
_KEPT_SECONDS = 24 * 3600

Object = dict[str, Any]


class TFJobOptions(Strict):
    """Options of the Trainer's executor, passed as JSON in ``custom_config``.

    Attributes:
        namespace: namespace of the job; None for that of this pod.
        workers: number of processes, including the chief.
        timeout_seconds: limit of the whole training.
        shared_folder: folder that this pod and the workers see under the same path.
        pod: PodSpec of a worker with one container, without its command and user.
        labels: labels of the job and its pods.
    """

    namespace: str | None = None
    workers: PositiveInt
    timeout_seconds: PositiveInt
    shared_folder: str
    pod: Mapping[str, Any]
    labels: Mapping[str, str] = {}


def manifest(options: TFJobOptions, *, name: str, command: Sequence[str], user: int, group: int) -> Object:
    """The TFJob.

    Args:
        options: options of the job.
        name: name of the job.
        command: command of each process.
        user: user id of the workers, the same as this process's, so that each can read the other's files.
        group: group id of the workers.
    """
    template = {
        # The sidecar of a mesh would outlive the training, and sit between the workers.
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
    # If the image runs this pod as root, the workers have to be root, too.
    pod["securityContext"] = {
        "runAsUser": user,
        "runAsGroup": group,
        "runAsNonRoot": user != 0,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return pod


def conditions(job: Mapping[str, Any]) -> dict[str, str]:
    """The messages of the conditions that hold, by type (``Created``, ``Running``, ``Succeeded``, ``Failed``)."""
    found = job.get("status", {}).get("conditions") or ()
    return {each["type"]: each.get("message", "") for each in found if each.get("status") == "True"}


def is_adoptable(job: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether ``job``, which an earlier attempt left, is the wanted training and has not failed."""
    digest, its = (each["metadata"].get("annotations", {}).get(DIGEST_ANNOTATION) for each in (wanted, job))
    return digest == its and "deletionTimestamp" not in job["metadata"] and "Failed" not in conditions(job)
