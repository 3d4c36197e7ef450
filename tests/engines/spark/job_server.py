"""A job server for Spark: Beam's Python one packs a pipeline into a jar, and ``spark-submit`` runs that in client mode.

Users run Beam's Java job server, which holds Spark's driver just so; here it cannot be had from Maven's repository. One
driver process per job: it ends with the job, its log says why, and killing it cancels.

    python -m tests.engines.spark.job_server --master spark://localhost:7077 --port 8099 --folder FOLDER
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from apache_beam.portability.api import beam_job_api_pb2 as api
from apache_beam.portability.api import beam_job_api_pb2_grpc
from apache_beam.runners.portability import abstract_job_service as base

from tests.engines.downloads import SPARK
from tests.engines.flink.job_server import reason
from tests.shared.programs import Program

_LOG = logging.getLogger("spark_job_server")
_ENTRY_CLASS = "engines.RunOnSpark"
_POLL_SECONDS = 0.25
_CONNECT_SECONDS = 5
_IMPORTANCE = api.JobMessage.MessageImportance


class SparkError(Exception):
    """Spark cannot take a job."""


@dataclass(frozen=True)
class Cluster:
    """Where drivers find Spark, and where it finds them.

    Attributes:
        master: Spark's own address of it, spark://HOST:PORT.
        address: of this machine, as the executors see it.
        folder: for the drivers' logs and temporary files.
    """

    master: str
    address: str
    folder: Path


class Job(base.UberJarBeamJob):
    """One pipeline, and the driver that runs it.

    Args:
        prepared: what Beam's class is made of.
        cluster: where it runs.
    """

    def __init__(self, *prepared: Any, cluster: Cluster):
        super().__init__(str(SPARK.launcher), *prepared)
        self._cluster = cluster
        self._driver: Program | None = None
        self._cancelled = False

    @property
    def running(self) -> bool:
        return self._driver is not None

    @property
    def _log(self) -> Path:
        return self._cluster.folder / f"{self._job_id}.log"

    def run(self) -> None:
        self._stop_artifact_service()
        _reach(self._cluster.master)
        environment = spark_environment(self._cluster.address) | {"SPARK_LOCAL_DIRS": str(self._cluster.folder)}
        self._driver = Program(self._command(), log=self._log, environment=environment)
        _LOG.info("%s is the driver with the process id %d", self._job_id, self._driver.process.pid)

    def _command(self) -> list[str]:
        beam = f"{SPARK.jars}/*"
        properties = {
            # Spark's defaults are for machines of their own; these fit beside the cluster.
            "spark.driver.memory": "512m",
            "spark.executor.memory": "768m",
            "spark.driver.host": self._cluster.address,
            "spark.driver.extraClassPath": beam,
            "spark.executor.extraClassPath": beam,
            # An executor keeps a Beam worker that has died, and its tasks fail at once: they go to another executor.
            "spark.excludeOnFailure.enabled": "true",
            "spark.excludeOnFailure.application.maxFailedTasksPerExecutor": "1",
            "spark.excludeOnFailure.killExcludedExecutors": "true",
            # What failed on all of them is an error; Spark's default hopes for another executor for two minutes.
            "spark.scheduler.excludeOnFailure.unschedulableTaskSetTimeout": "5s",
            # A task waits for the host that has its data for 3 s, which is longer than most tasks here.
            "spark.locality.wait": "0s",
            "spark.ui.enabled": "false",
        }
        flags = [part for key, value in properties.items() for part in ("--conf", f"{key}={value}")]
        submit = str(SPARK.distribution.parent / "bin" / "spark-submit")
        return [submit, "--master", self._cluster.master, "--class", _ENTRY_CLASS, *flags, self._jar]

    def cancel(self) -> None:
        if self.running and not self.is_terminal_state(self.get_state()[0]):
            self._cancelled = True
            self._driver.stop()

    def get_state(self):
        if self.running:
            state = self._driver_state()
            if self.is_terminal_state(state):
                Path(self._jar).unlink(missing_ok=True)
            self.set_state(state)
        return super().get_state()

    def _driver_state(self) -> int:
        code = self._driver.process.poll()
        if code is None:
            return api.JobState.CANCELLING if self._cancelled else api.JobState.RUNNING
        if self._cancelled:
            return api.JobState.CANCELLED
        return api.JobState.FAILED if code else api.JobState.DONE

    def get_state_stream(self) -> Iterator:
        for state, timestamp in self.with_state_history(self._states()):
            yield state, timestamp
            if self.is_terminal_state(state):
                return

    def _states(self) -> Iterator:
        while True:
            yield self.get_state()
            time.sleep(_POLL_SECONDS)

    def get_message_stream(self) -> Iterator:
        for state, timestamp in self.get_state_stream():
            if state == api.JobState.FAILED:
                text = reason(self._log.read_text(errors="replace"))
                _LOG.error("%s failed: %s; %s has the rest", self._job_id, text, self._log)
                yield api.JobMessage(
                    message_id="reason",
                    importance=_IMPORTANCE.JOB_MESSAGE_ERROR,
                    message_text=f"{text} (the driver's log: {self._log})",
                )
            yield state, timestamp


class JobServer(base.AbstractJobServiceServicer):
    """Beam's Job API in front of one Spark cluster."""

    def __init__(self, cluster: Cluster):
        super().__init__()
        self._cluster = cluster

    def create_beam_job(self, preparation_id, job_name, pipeline, options):
        return Job(preparation_id, job_name, pipeline, options, cluster=self._cluster)

    def Run(self, request, context=None, timeout=None):  # noqa: N802 -- gRPC's names
        try:
            return super().Run(request, context, timeout)
        except SparkError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))

    def GetStateStream(self, request, context=None, timeout=None):  # noqa: N802
        self._refuse_early(request, context)
        yield from super().GetStateStream(request, context, timeout)

    def GetMessageStream(self, request, context=None, timeout=None):  # noqa: N802
        self._refuse_early(request, context)
        yield from super().GetMessageStream(request, context, timeout)

    def GetJobMetrics(self, request, context=None):  # noqa: N802
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "this job server keeps no metrics of Spark's jobs")

    def stop(self) -> None:
        """End the drivers that still run."""
        for job in self._jobs.values():
            job.cancel()

    def _refuse_early(self, request, context) -> None:
        # A client that gets a stream before the job runs gives it a deadline, which would cut a long job.
        job = self._jobs.get(request.job_id)
        if job is None or not job.running:
            context.abort(grpc.StatusCode.NOT_FOUND, f"{request.job_id} is not running")


def spark_environment(address: str) -> dict[str, str]:
    """What all of Spark's programs need on the host with this address."""
    return {"SPARK_HOME": str(SPARK.distribution.parent), "SPARK_LOCAL_IP": address, "SPARK_DAEMON_MEMORY": "256m"}


def _reach(master: str) -> None:
    # Spark's driver would try for a minute, and say less.
    host, _, port = master.removeprefix("spark://").rpartition(":")
    try:
        with contextlib.closing(socket.create_connection((host, int(port)), _CONNECT_SECONDS)):
            return
    except OSError as error:
        raise SparkError(f"Spark's master at {master} does not answer ({error}); is it still running?") from error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--master", required=True, help="of the cluster, spark://HOST:PORT")
    parser.add_argument("--port", required=True, type=int, help="where this server listens on 127.0.0.1")
    parser.add_argument("--address", default="127.0.0.1", help="of this machine, as the cluster sees it")
    parser.add_argument("--folder", required=True, type=Path, help="for logs and temporary files of the jobs")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    options.folder.mkdir(parents=True, exist_ok=True)

    # Every waiting client holds two threads: one for states and one for messages.
    server = grpc.server(futures.ThreadPoolExecutor(128))
    jobs = JobServer(Cluster(master=options.master, address=options.address, folder=options.folder))
    beam_job_api_pb2_grpc.add_JobServiceServicer_to_server(jobs, server)
    server.add_insecure_port(f"127.0.0.1:{options.port}")
    server.start()
    # Drivers have sessions of their own, so they must be ended by name.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print("ready", flush=True)
    try:
        threading.Event().wait()
    finally:
        jobs.stop()


if __name__ == "__main__":
    main()
