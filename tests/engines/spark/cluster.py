"""A standalone Spark cluster as processes: a master, workers, Beam worker pools and a job server."""

from __future__ import annotations

from pathlib import Path

import psutil

from tests.engines.cluster import POOL_PORT, START_SECONDS, Cluster
from tests.engines.downloads import SPARK
from tests.engines.hosts import Host, Network
from tests.engines.spark.job_server import spark_environment
from tests.shared.programs import PROJECT, Program, free_port


class SparkCluster(Cluster):
    """A running cluster, ended with all that belongs to it.

    Args:
        folder: for logs and what the programs write; nothing is written elsewhere.
        workers: of Spark. Each runs one executor with one task at a time. Two need a host each, which are network
            namespaces: executors number their Beam workers alike, and a pool that two share ends the other's.

    Attributes:
        job_endpoint: where Beam's Job API listens.
        worker_pool: where each executor finds the Beam worker pool of its host.
        master: the program.
        workers: the programs, by number; a worker's child is the executor.
        worker_pools: the programs; one for each worker.
        job_server: the program.
    """

    def __init__(self, *, folder: Path, workers: int = 2):
        super().__init__(folder=folder, count=workers)
        self._address = "127.0.0.1"
        self.workers: list[Program] = []

    @property
    def programs(self) -> list[Program]:
        """All that belongs to the cluster, for measuring."""
        return [self.master, self.job_server, *self.workers, *self.worker_pools]

    @property
    def profile(self) -> list[str]:
        """The flags of ``python -m pipeline run`` that send its Beam jobs here."""
        return [
            "--profile=spark",
            f"--set=beam.job_endpoint={self.job_endpoint}",
            f"--set=beam.worker_pool={self.worker_pool}",
            # A busy machine starts a worker slowly.
            "--set=beam.probe_seconds=300",
        ]

    def executors(self, number: int) -> list[psutil.Process]:
        """The executors that run on a worker now: one for each job."""
        return [
            process for process in self.workers[number].tree[1:] if "CoarseGrainedExecutorBackend" in _command(process)
        ]

    def beam_workers(self, number: int) -> list[psutil.Process]:
        """The Beam workers that a worker's pool has started and that still run."""
        return [process for process in self.worker_pools[number].tree[1:] if _command(process)]

    def start_worker(self, number: int) -> None:
        """Start a worker in the place of one that was killed."""
        self.workers[number] = self._worker(number, self._hosts[number])
        self._registered(number)

    def _start(self) -> None:
        if self._count > 1:
            network = self._ends.enter_context(Network(self._count))
            self._hosts, self._address = list(network.hosts), network.address
        job_port, pool_port = free_port(), POOL_PORT if self._count > 1 else free_port()
        self.job_endpoint = f"localhost:{job_port}"
        self.worker_pool = f"localhost:{pool_port}"
        self._install()

        master_port = free_port()
        self._master = f"spark://{self._address}:{master_port}"
        self.master = self._spark("master", "master.Master", "--port", str(master_port))
        self.master.wait_to_listen(master_port, seconds=START_SECONDS)
        self.workers = [self._worker(number, host) for number, host in enumerate(self._hosts)]
        self.worker_pools = [self._worker_pool(number, host, pool_port) for number, host in enumerate(self._hosts)]
        self.job_server = self._python(
            "job_server",
            *("tests.engines.spark.job_server", "--port", str(job_port), "--master", self._master),
            *("--address", self._address, "--folder", str(self._folder / "jobs")),
            project=PROJECT,
        )
        for number in range(self._count):
            self._registered(number)
            self.worker_pools[number].wait_to_listen(pool_port, seconds=START_SECONDS)
        self.job_server.wait_for("ready", seconds=START_SECONDS)

    def _registered(self, number: int) -> None:
        self.workers[number].wait_for("Successfully registered with master", seconds=START_SECONDS)

    def _worker(self, number: int, host: Host | None) -> Program:
        # A log of its own for each start, so that a line of an earlier one means nothing.
        name = f"worker_{number}_{len(list(self._folder.glob(f'worker_{number}_*.log')))}"
        limits = ("--cores", "1", "--memory", "1g", "--work-dir", str(self._folder / f"worker_{number}"))
        return self._spark(name, "worker.Worker", *limits, self._master, host=host)

    def _spark(self, name: str, main: str, *arguments: str, host: Host | None = None) -> Program:
        address = host.address if host else self._address
        spark_class = SPARK.distribution.parent / "bin" / "spark-class"
        where = ("--host", address, "--webui-port", "0")
        command = [str(spark_class), f"org.apache.spark.deploy.{main}", *where, *arguments]
        return self._program(name, command, environment=spark_environment(address), host=host)


def _command(process: psutil.Process) -> str:
    """Empty where the process has ended, even if its parent has not noticed."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""
