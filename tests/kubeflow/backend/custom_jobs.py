"""Custom jobs of Vertex AI: the REST endpoints that start them, and the workers as processes of this machine."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.kubeflow.backend import containers
from tests.kubeflow.fakes.http_service import Asked, Service

_JOBS = r"/v1/(projects/[^/]+/locations/[^/]+)/customJobs"
# What Vertex calls the tasks of the first pools in TF_CONFIG.
_KINDS = ("chief", "worker", "ps", "evaluator")


class CustomJobs(Service):
    """Starts every job at once.

    Args:
        folder: for the workers' logs.
        image: the containers' working directory.

    Attributes:
        environment: of every worker; what the machines of a task have, these have, too.
        logs: of the workers that ran, by ``KIND-INDEX``.
    """

    def __init__(self, folder: Path, *, image: Path):
        super().__init__()
        self.environment: Mapping[str, str] = {}
        self.logs: dict[str, Path] = {}
        self._folder, self._image = folder, image
        self._jobs: dict[str, dict[str, Any]] = {}
        self._workers: dict[str, list[containers.Container]] = {}
        self.route("GET", _JOBS, self._list)
        self.route("POST", _JOBS, self._create)
        self.route("GET", _JOBS + "/([0-9]+)", self._get)

    def _list(self, asked: Asked, parent: str) -> dict[str, Any]:
        key, _, value = asked.query["filter"].partition("=")
        label = key.removeprefix("labels.")
        return {"customJobs": [job for job in self._jobs.values() if job["labels"].get(label) == value.strip('"')]}

    def _create(self, asked: Asked, parent: str) -> dict[str, Any]:
        number = str(len(self._jobs) + 1)
        job = {**asked.body, "name": f"{parent}/customJobs/{number}", "state": "JOB_STATE_RUNNING"}
        self._jobs[number] = job
        self._workers[number] = self._started(job["jobSpec"]["workerPoolSpecs"])
        return job

    def _get(self, asked: Asked, parent: str, number: str) -> dict[str, Any]:
        codes = [worker.wait(0) for worker in self._workers[number]]
        if any(codes):
            self._jobs[number] |= {"state": "JOB_STATE_FAILED", "error": {"code": 9, "message": f"exit codes {codes}"}}
        elif None not in codes:
            self._jobs[number]["state"] = "JOB_STATE_SUCCEEDED"
        return self._jobs[number]

    def _started(self, pools: list[dict[str, Any]]) -> list[containers.Container]:
        cluster = {
            kind: [f"127.0.0.1:{port}" for port in _free_ports(int(pool["replicaCount"]))]
            for kind, pool in zip(_KINDS, pools, strict=False)
        }
        started = []
        for kind, pool in zip(_KINDS, pools, strict=False):
            for index in range(len(cluster[kind])):
                config = {"cluster": cluster, "task": {"type": kind, "index": index}, "environment": "cloud"}
                log = self.logs[f"{kind}-{index}"] = self._folder / f"{kind}-{index}.log"
                command = containers.Command(
                    words=pool["containerSpec"]["command"],
                    environment={**self.environment, "TF_CONFIG": json.dumps(config)},
                    folder=self._image,
                    log=log,
                )
                started.append(containers.start(command, fresh=False))
        return started


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
