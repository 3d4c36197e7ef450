"""The processes of a training: reads and checks TF_CONFIG before TensorFlow does. No TensorFlow here."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TF_CONFIG = "TF_CONFIG"
# The jobs that MultiWorkerMirroredStrategy trains with.
_JOBS = ("chief", "worker")


class ClusterError(ValueError):
    """TF_CONFIG or ``--hosts`` does not describe a cluster that can train, or its processes cannot connect."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The processes of a training, and the place of this one.

    Attributes:
        names: names of all processes, such as ``worker 0``, the chief first.
        addresses: ``HOST:PORT`` of each, in the same order.
        place: int, index of this process in both; 0 is the chief.
    """

    names: tuple[str, ...]
    addresses: tuple[str, ...]
    place: int

    @property
    def chief(self) -> bool:
        """Whether this process writes the outputs."""
        return self.place == 0


def tf_config(hosts: Sequence[str], index: int) -> str:
    """TF_CONFIG for one of several plain hosts, of which the first is the chief.

    Args:
        hosts: ``HOST:PORT`` of each process, in the same order everywhere.
        index: int, place of this process among them, from 0 on.

    Raises:
        ClusterError: the index is too large, or a host occurs twice or has no port.
    """
    for host in hosts:
        _check_address(host, source="--hosts")
    if len(set(hosts)) < len(hosts):
        raise ClusterError("--hosts: one occurs twice; two processes on one machine need two ports.")
    if not 0 <= index < len(hosts):
        raise ClusterError(f"--index {index}: there are {len(hosts)} --hosts, so it must lie in 0 to {len(hosts) - 1}.")
    return json.dumps({"cluster": {"worker": list(hosts)}, "task": {"type": "worker", "index": index}})


def from_environment(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """The cluster that TF_CONFIG describes, as Vertex AI and the Kubeflow Training Operator set it; None without one.

    Raises:
        ClusterError: TF_CONFIG is not JSON, does not contain this task, or has tasks that do not train.
    """
    text = environment.get(TF_CONFIG, "").strip()
    if not text:
        return None
    try:
        config = json.loads(text)
    except ValueError as error:
        raise ClusterError(f"TF_CONFIG is not JSON ({error}): {text[:80]}") from None
    jobs = config.get("cluster") if isinstance(config, dict) else None
    if not jobs:
        return None
    _check_jobs(jobs)
    entries = [(job, index, address) for job in _JOBS for index, address in enumerate(jobs.get(job, ()))]
    for _, _, address in entries:
        _check_address(address, source="TF_CONFIG")
    tasks = [(job, index) for job, index, _ in entries]
    return Cluster(
        names=tuple(f"{job} {index}" for job, index in tasks),
        addresses=tuple(address for _, _, address in entries),
        place=_place(config.get("task"), tasks),
    )


def _check_jobs(jobs: Any) -> None:
    if not isinstance(jobs, dict) or not all(isinstance(addresses, list) for addresses in jobs.values()):
        raise ClusterError("TF_CONFIG: cluster must map jobs to lists of HOST:PORT.")
    for job in jobs:
        if job not in _JOBS:
            raise ClusterError(
                f"TF_CONFIG: the cluster has {job!r}, but this trainer supports {' and '.join(_JOBS)} only: leave "
                "out parameter servers and evaluators; every process trains and evaluates."
            )
    if len(jobs.get("chief", ())) > 1:
        raise ClusterError("TF_CONFIG: the cluster has more than one chief.")


def _place(task: Any, tasks: Sequence[tuple[str, int]]) -> int:
    task = task if isinstance(task, dict) else {}
    try:
        return tasks.index((task.get("type"), int(task.get("index", -1))))
    except (TypeError, ValueError):
        there = ", ".join(f"{job} {index}" for job, index in tasks)
        raise ClusterError(
            f"TF_CONFIG: the task is {task.get('type')} {task.get('index')}, but the cluster has {there}."
        ) from None


def _check_address(address: Any, *, source: str) -> None:
    host, _, port = str(address).rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ClusterError(f"{source}: {address!r} must be HOST:PORT.")
