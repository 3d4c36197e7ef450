"""Engines behind one of Beam's job servers."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pipeline.config.beam.engine import NO_SDIST, Engine

# Some job servers report a job's states before it runs, and then Beam's client gives their stream this deadline.
_AFTER_THE_LIMIT_SECONDS = 60
# Otherwise Flink stops the workers after each stage of a job, and each new one imports TensorFlow. Its restarts must
# wait for longer than this, or they meet the dead worker again.
_WORKERS_KEPT_MILLIS = 5000


def _host_and_port(text: str) -> str:
    found = re.fullmatch(r"([^\s:/\[\]]+|\[[0-9a-fA-F:.]+\]):([0-9]{1,5})", text)
    if not found or not 0 < int(found[2]) < 65536:
        raise ValueError(f"must be HOST:PORT, such as localhost:8099, not {text!r}")
    return text


HostAndPort = Annotated[str, AfterValidator(_host_and_port)]


class JobServer(Engine):
    """What all engines behind a job server share.

    Attributes:
        job_endpoint: HOST:PORT of the job server.
        worker_pool: HOST:PORT of the Beam worker pool, as each of the engine's workers resolves it.
        probe: whether a small job runs first, which shows that a worker starts, can import the code, and sees the
            run folder.
        probe_seconds: time limit of that job, in seconds.
    """

    job_endpoint: HostAndPort
    worker_pool: HostAndPort = "localhost:50000"
    probe: bool = True
    probe_seconds: float = Field(default=60, gt=0)

    def arguments(self) -> list[str]:
        """See `Engine`."""
        return [
            # The job server runs already: Beam's FlinkRunner and SparkRunner would only start one of their own.
            "--runner=PortableRunner",
            f"--job_endpoint={self.job_endpoint}",
            "--environment_type=EXTERNAL",
            f"--environment_config={self.worker_pool}",
            f"--job_server_timeout={round(self.limit_minutes * 60) + _AFTER_THE_LIMIT_SECONDS}",
            f"--environment_cache_millis={_WORKERS_KEPT_MILLIS}",
            NO_SDIST,
        ]


class Parallel(JobServer):
    """A job server that takes the job's parallelism from Beam.

    Attributes:
        parallelism: number of tasks side by side; None leaves it to the engine.
    """

    parallelism: int | None = Field(default=None, gt=0)

    def arguments(self) -> list[str]:
        """See `Engine`."""
        return [*super().arguments(), *([f"--parallelism={self.parallelism}"] if self.parallelism else ())]


class Portable(Parallel):
    """Any engine that speaks Beam's Job API."""

    runner: Literal["PortableRunner"]
