"""What clusters have in common: programs on hosts of their own, worker pools with the project, and one end for all."""

from __future__ import annotations

import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from tests.engines.hosts import Host
from tests.shared.programs import PROJECT, Program, python_environment

# What Beam's workers import; with the lock's packages, it is what a user installs on each of the engine's hosts.
WORKER_CODE = ("components", "pipeline", "serving", "trainer")
POOL_PORT = 50000
# Java and Beam start within 10 s, and on a busy machine much later.
START_SECONDS = 180


class Cluster:
    """A running cluster, ended with all that belongs to it.

    Args:
        folder: for configuration, logs and what the programs write.
        count: how many workers, each with its worker pool.

    Attributes:
        installation: the project as the workers have it.
        worker_pools: the programs; one for each worker.
    """

    def __init__(self, *, folder: Path, count: int):
        self._folder = folder
        self._count = count
        self._hosts: list[Host | None] = [None] * count
        self._ends = ExitStack()
        self.installation = folder / "installation"
        self.worker_pools: list[Program] = []

    def __enter__(self) -> Self:
        with ExitStack() as ends:
            self._ends = ends
            self._start()
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def _start(self) -> None:
        raise NotImplementedError

    def _install(self) -> None:
        for package in WORKER_CODE:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(PROJECT / package, self.installation / package, ignore=ignored, dirs_exist_ok=True)

    def _worker_pool(self, number: int, host: Host | None, port: int) -> Program:
        module = "apache_beam.runners.worker.worker_pool_main"
        name, flag = f"worker_pool_{number}", f"--service_port={port}"
        return self._python(name, module, flag, project=self.installation, host=host)

    def _python(self, name: str, *arguments: str, project: Path, host: Host | None = None) -> Program:
        command = [sys.executable, "-m", *arguments]
        return self._program(name, command, environment=python_environment(project), host=host)

    def _program(self, name: str, command: list[str], *, host: Host | None, **options: Any) -> Program:
        namespace = host.namespace if host else None
        log = self._folder / f"{name}.log"
        program = Program(command, log=log, folder=self._folder, namespace=namespace, **options)
        self._ends.callback(program.stop)
        return program
