"""The workers of a custom job as processes of this machine, told their places as Vertex AI does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tests.trainer.distribution import jobs

# Of the pools, in order; the names that TF_CONFIG has for them.
_TASKS = ("chief", "worker")


class Process(Protocol):
    """A replica that was started, as `subprocess.Popen` is."""

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""

    def kill(self) -> None:
        """End it."""

    def wait(self) -> int:
        """Its exit code, once it has ended."""


Start = Callable[[Sequence[str], Mapping[str, str], Path], Process]


class WorkerPools:
    """Starts each replica's own command; the image's parts are PATH, PYTHONPATH and a working directory.

    Vertex itself starts a worker that failed several times again before it gives the job up; here, it does so at once.

    Args:
        folder: the working directory, and where the logs go.
        start: a replica's process from its command, its environment variables, and a file for its log.

    Attributes:
        logs: by replica, such as ``workerpool1-0``.
        environments: what each replica was told, likewise.
    """

    def __init__(self, folder: Path, *, start: Start | None = None):
        folder.mkdir()
        self._folder = folder
        self._start = start or self._anew
        self._processes: dict[str, Process] = {}
        self.logs: dict[str, Path] = {}
        self.environments: dict[str, dict[str, str]] = {}

    def __call__(self, spec: dict[str, Any]) -> Any:
        """Start the workers of a job; for `FakeVertex.pools`."""
        replicas = [
            (pool, index, each["containerSpec"]["command"])
            for pool, each in enumerate(spec["workerPoolSpecs"])
            for index in range(int(each["replicaCount"]))
        ]
        addresses: list[list[str]] = [[] for _ in spec["workerPoolSpecs"]]
        for (pool, _, _), port in zip(replicas, jobs.free_ports(len(replicas)), strict=True):
            addresses[pool].append(f"127.0.0.1:{port}")
        for pool, index, command in replicas:
            assert command[:2] == ["python", "-m"]
            name = f"workerpool{pool}-{index}"
            self.environments[name] = _told(spec, addresses, pool, index)
            self.logs[name] = self._folder / f"{name}.log"
            self._processes[name] = self._start(command, self.environments[name], self.logs[name])
        return self._fields

    def _anew(self, command: Sequence[str], told: Mapping[str, str], log: Path) -> Process:
        return jobs.start(*command[3:], module=command[2], log=log, cwd=self._folder, **told)

    def _fields(self) -> dict[str, Any]:
        codes = {name: process.poll() for name, process in self._processes.items()}
        failed = next((name for name, code in codes.items() if code), None)
        if failed:
            self.close()
            message = f"The replica {failed} exited with a non-zero status of {codes[failed]}."
            return {"state": "JOB_STATE_FAILED", "error": {"code": 3, "message": message}}
        return {"state": "JOB_STATE_RUNNING" if None in codes.values() else "JOB_STATE_SUCCEEDED"}

    def close(self) -> None:
        """End what still runs."""
        for process in self._processes.values():
            process.kill()
            process.wait()


def _told(spec: dict[str, Any], addresses: list[list[str]], pool: int, index: int) -> dict[str, str]:
    """The environment of a replica; a job of one has no TF_CONFIG."""

    def cluster(names: tuple[str, ...], **task: Any) -> str:
        return json.dumps(
            {
                "cluster": dict(zip(names, addresses, strict=False)),
                "environment": "cloud",
                "job": spec,
                "task": {"type": names[pool], "index": index, **task},
            }
        )

    told = {"CLUSTER_SPEC": cluster(("workerpool0", "workerpool1"))}
    if sum(map(len, addresses)) > 1:
        told["TF_CONFIG"] = cluster(_TASKS, cloud="internal-id")
    return told
