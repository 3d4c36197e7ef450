"""Beam's own portable job service, with a worker pool whose project lies in another folder than this one."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tests.shared.programs import PROJECT, Program, free_port, python_environment, wait_for_port

# What is installed on a worker; tests, configs and data are not.
_PACKAGES = ("pipeline", "components", "trainer", "serving")
_START_SECONDS = 180


class LocalJobService:
    """A job service and a worker pool, as two programs. Use as a context manager.

    The service runs each job with FnApiRunner in its own process and asks the pool for the workers, which start with
    the pool's installation. Cancelling a job ends it for the client only: the service keeps running it.

    Args:
        folder: where the pool's project, what the clients send, and the logs go.

    Attributes:
        project: the folder that the workers import the project from.
        job_endpoint: for ``beam.job_endpoint``.
        worker_pool: for ``beam.worker_pool``.
        programs: the service and the pool.
    """

    def __init__(self, folder: Path):
        self.project = folder / "project"
        self.job_endpoint = f"localhost:{free_port()}"
        self.worker_pool = f"localhost:{free_port()}"
        self.programs: list[Program] = []
        self._folder = folder

    def __enter__(self) -> LocalJobService:
        for package in _PACKAGES:
            shutil.copytree(PROJECT / package, self.project / package, ignore=shutil.ignore_patterns("__pycache__"))
        try:
            self._start(
                "apache_beam.runners.portability.local_job_service_main",
                f"--port={_port(self.job_endpoint)}",
                f"--staging_dir={self._folder / 'staging'}",
            )
            self._start(
                "apache_beam.runners.worker.worker_pool_main",
                f"--service_port={_port(self.worker_pool)}",
                "--container_executable=",
            )
            wait_for_port(_port(self.job_endpoint), seconds=_START_SECONDS)
            wait_for_port(_port(self.worker_pool), seconds=_START_SECONDS)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    @property
    def profile(self) -> list[str]:
        """The flags of ``python -m pipeline run`` that send its Beam jobs here."""
        return [
            "--profile=portable",
            f"--set=beam.job_endpoint={self.job_endpoint}",
            f"--set=beam.worker_pool={self.worker_pool}",
        ]

    def stop(self) -> None:
        """End both programs and the workers."""
        for program in self.programs:
            program.stop()

    def _start(self, module: str, *flags: str) -> None:
        self.programs.append(
            Program(
                [sys.executable, "-m", module, *flags],
                log=self._folder / f"{module.rpartition('.')[2]}.log",
                environment=python_environment(self.project),
                folder=self.project,
            )
        )


def _port(endpoint: str) -> int:
    return int(endpoint.rpartition(":")[2])
