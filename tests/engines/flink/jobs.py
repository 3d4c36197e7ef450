"""Small Beam jobs on a Flink cluster, in a thread, so that a test can do something to the cluster meanwhile."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.beam.guard import guarded
from pipeline.config.beam.flink import Flink
from tests.engines.flink.cluster import FlinkCluster

NUMBERS = 16


def options_of(cluster: FlinkCluster) -> Flink:
    return Flink(
        runner="FlinkRunner", job_endpoint=cluster.job_endpoint, worker_pool=cluster.worker_pool, parallelism=2
    )


class Job:
    """Counts to ``NUMBERS``, on all task managers.

    Args:
        cluster: where.
        folder: for the result and the signs of life.
        work: what a worker does to each number. It is sent with its code, so it must be no module's function.
        limit_minutes: as in the configuration.

    Attributes:
        error: what ended the job; None where it ended well.
    """

    def __init__(self, cluster: FlinkCluster, *, folder: Path, work: Callable[[int], Any], limit_minutes: float = 5.0):
        self.error: BaseException | None = None
        self._cluster = cluster
        self._folder = folder
        self._name = f"job{uuid.uuid4().hex[:8]}"
        self._work = work
        self._limit = limit_minutes
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait(self, *, seconds: float) -> None:
        """Until the job has ended, well or not."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"the job still runs after {seconds} s"

    def wait_for_work(self, *, numbers: int, seconds: float = 300) -> None:
        """Until the workers began with so many numbers."""
        deadline = time.monotonic() + seconds
        while self.begun < numbers:
            assert self._thread.is_alive(), f"the job ended before: {self.error}"
            assert time.monotonic() < deadline, f"{self.begun} numbers begun after {seconds} s"
            time.sleep(0.1)

    @property
    def begun(self) -> int:
        """How many numbers the workers began with, those that were begun again counted twice."""
        return len(list(self._folder.glob(f"{self._name}-begun-*")))

    @property
    def result(self) -> int:
        """What the workers counted."""
        return sum(int(line) for path in self._folder.glob(f"{self._name}-result-*") for line in path.open())

    @property
    def flink_id(self) -> str:
        """Of the newest job, which is this one as long as no other follows."""
        jobs = self._cluster.rest("jobs/overview")["jobs"]
        return max(jobs, key=lambda job: job["start-time"])["jid"]

    def _run(self) -> None:
        begun, work = str(self._folder / f"{self._name}-begun-"), self._work

        def count(number: int) -> int:
            import tempfile

            tempfile.mkstemp(prefix=f"{begun}{number}-")
            work(number)
            return 1

        try:
            with guarded(self._limit):
                pipeline = beam.Pipeline(options=PipelineOptions(options_of(self._cluster).arguments()))
                numbers = pipeline | beam.Create(range(NUMBERS)) | beam.Reshuffle()
                counted = numbers | beam.Map(count) | beam.CombineGlobally(sum) | beam.Map(str)
                _ = counted | beam.io.WriteToText(str(self._folder / f"{self._name}-result"))
                pipeline.run()
        except BaseException as error:
            self.error = error
