"""The places where the Beam stages run: in the process itself, or on an engine that is started for one measurement.

A fresh engine for each: what a former job left in a JVM's heap or in a worker is not measured with the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.scale.measure import Program

# One task at a time for each task manager, so that two of them are twice one of them.
_FLINK_SLOTS = 1


@dataclass(frozen=True, kw_only=True)
class Place:
    """Somewhere to run.

    Attributes:
        profile: of the pipeline.
        overrides: of its keys.
        programs: that work for the stage and were there before.
    """

    profile: str
    overrides: Sequence[str] = ()
    programs: Sequence[Program] = ()


@contextmanager
def start(runner: str, *, folder: Path) -> Iterator[Place]:
    """The place named ``runner``, there as long as the context is open; the programs' logs go to ``folder``."""
    if runner == "in_memory":
        yield Place(profile="local")
    elif runner == "multi_processing":
        yield Place(profile="multi_processing")
    elif runner == "portable":
        from tests.engines.local_service import LocalJobService

        with LocalJobService(folder) as engine:
            yield _behind("portable", engine.job_endpoint, engine.worker_pool, engine.programs)
    elif runner == "spark":
        from tests.engines.spark.cluster import SparkCluster

        with SparkCluster(folder=folder) as engine:
            yield _behind("spark", engine.job_endpoint, engine.worker_pool, engine.programs)
    else:
        from tests.engines.flink.cluster import FlinkCluster

        count = int(runner.removeprefix("flink"))
        with FlinkCluster(folder=folder, task_managers=count, slots=_FLINK_SLOTS) as engine:
            parallelism = f"beam.parallelism={count * _FLINK_SLOTS}"
            yield _behind("flink", engine.job_endpoint, engine.worker_pool, engine.programs, parallelism)


def missing(runner: str) -> str | None:
    """Why ``runner`` cannot be started here; None where it can."""
    if runner in ("in_memory", "multi_processing", "portable"):
        return None
    from tests.engines import downloads, hosts

    engine = runner.rstrip("12")
    found = next((each for each in downloads.ENGINES if each.name == engine), None)
    if found is None:
        return f"there are no parts of {engine}"
    return found.missing() or (None if runner == "flink1" else hosts.missing())


def _behind(profile: str, job_endpoint: str, pool: str, programs: Sequence[Program], *more: str) -> Place:
    endpoints = (f"beam.job_endpoint={job_endpoint}", f"beam.worker_pool={pool}")
    return Place(profile=profile, overrides=(*endpoints, *more), programs=programs)
