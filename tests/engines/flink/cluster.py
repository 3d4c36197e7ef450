"""A standalone Flink cluster as processes: job manager, task managers, Beam worker pools and a job server."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
import yaml

from tests.engines.cluster import POOL_PORT, START_SECONDS, Cluster
from tests.engines.downloads import FLINK
from tests.engines.flink.config import JAVA, LOGGING, cluster_config, heap
from tests.engines.hosts import Host, Network
from tests.shared.programs import PROJECT, Program, free_port


class FlinkCluster(Cluster):
    """A running cluster, ended with all that belongs to it.

    Args:
        folder: for configuration, logs and what the programs write.
        task_managers: how many. Two need a host each, which are network namespaces: task managers number their workers
            alike, and a worker pool that two of them share ends the one's worker when the other is done with its own.
        slots: of each task manager.
        hosts: whether a single task manager has a host of its own, too.

    Attributes:
        job_endpoint: where the job server listens.
        master: Flink's REST API.
        installation: the project as the workers have it.
        worker_pool: where each task manager finds its worker pool.
        task_managers: the programs, by number.
        worker_pools: the programs; one for each task manager.
        job_server: the program.
    """

    def __init__(self, *, folder: Path, task_managers: int = 2, slots: int = 2, hosts: bool = False):
        super().__init__(folder=folder, count=task_managers)
        self._slots = slots
        self._own_hosts = hosts or task_managers > 1
        self.task_managers: list[Program] = []

    @property
    def programs(self) -> list[Program]:
        """All that belongs to the cluster, for measuring."""
        return [self.job_manager, self.job_server, *self.task_managers, *self.worker_pools]

    @property
    def profile(self) -> list[str]:
        """The flags of ``python -m pipeline run`` that send its Beam jobs here, one task to each task manager."""
        return [
            "--profile=flink",
            f"--set=beam.job_endpoint={self.job_endpoint}",
            f"--set=beam.worker_pool={self.worker_pool}",
            # A busy machine starts a worker slowly.
            "--set=beam.probe_seconds=300",
            f"--set=beam.parallelism={max(self._count, 2)}",
        ]

    def hosts_of(self, job: str) -> set[str]:
        """The addresses of the task managers that had a part of the job's work."""
        vertices = [vertex["id"] for vertex in self.rest(f"jobs/{job}")["vertices"]]
        tasks = [task for vertex in vertices for task in self.rest(f"jobs/{job}/vertices/{vertex}")["subtasks"]]
        return {task["host"] for task in tasks}

    def rest(self, path: str) -> Any:
        """Flink's answer to ``GET /path``."""
        answer = requests.get(f"{self.master}/{path}", timeout=30)
        answer.raise_for_status()
        return answer.json()

    def kill_task_manager(self, number: int) -> None:
        """SIGKILL, as when a host dies."""
        self.task_managers[number].kill()

    def start_task_manager(self) -> None:
        """One in the place of the first that was killed; ready when Flink counts as many as there are."""
        number = next(i for i, program in enumerate(self.task_managers) if program.process.poll() is not None)
        self.task_managers[number] = self._task_manager(number, self._hosts[number])
        running = {program.process.pid for program in self.task_managers if program.process.poll() is None}
        self._wait(lambda: self._registered() == len(running), seconds=START_SECONDS)

    def _registered(self) -> int | None:
        try:
            return len(self.rest("taskmanagers")["taskmanagers"])
        except requests.RequestException:
            # It listens before it can answer; and it may have ended.
            return None

    def start_job_server(self) -> None:
        """In the place of the one that was stopped."""
        port = self.job_endpoint.rpartition(":")[2]
        self.job_server = self._python(
            "job_server",
            *("tests.engines.flink.job_server", "--master", self.master, "--port", port, "--jar", str(FLINK.launcher)),
            project=PROJECT,
        )
        self.job_server.wait_to_listen(int(port), seconds=START_SECONDS)

    def start_worker_pool(self, number: int) -> None:
        """In the place of the one that was stopped."""
        self.worker_pools[number] = self._worker_pool(number, self._hosts[number], self._pool_port)
        self.worker_pools[number].wait_to_listen(self._pool_port, seconds=START_SECONDS)

    def _start(self) -> None:
        address, first = "127.0.0.1", None
        if self._own_hosts:
            first, *self._hosts = self._ends.enter_context(Network(self._count + 1)).hosts
            address = first.address
        self.job_endpoint = f"localhost:{free_port()}"
        self._pool_port = POOL_PORT if self._own_hosts else free_port()
        self.worker_pool = f"localhost:{self._pool_port}"
        rest_port = free_port()
        self.master = f"http://{address}:{rest_port}"
        self._config = cluster_config(
            folder=self._folder, address=address, rpc_port=free_port(), rest_port=rest_port, slots=self._slots
        )
        self._install()

        self.job_manager = self._java(
            "job_manager",
            "runtime.entrypoint.StandaloneSessionClusterEntrypoint",
            # It hands itself the files of a job by its localhost, whatever its address.
            config=self._config | {"jobmanager.bind-host": "0.0.0.0" if first else address},
            host=first,
        )
        self.task_managers = [self._task_manager(i, host) for i, host in enumerate(self._hosts)]
        self.worker_pools = [self._worker_pool(i, host, self._pool_port) for i, host in enumerate(self._hosts)]
        self.start_job_server()
        self.job_manager.wait_to_listen(rest_port, seconds=START_SECONDS)
        self._wait(lambda: self._registered() == self._count, seconds=START_SECONDS)
        for pool in self.worker_pools:
            pool.wait_to_listen(self._pool_port, seconds=START_SECONDS)

    def _task_manager(self, number: int, host: Host | None) -> Program:
        address = host.address if host else "127.0.0.1"
        own = {"taskmanager.host": address, "taskmanager.bind-host": address}
        return self._java(
            f"task_manager_{number}", "runtime.taskexecutor.TaskManagerRunner", config=self._config | own, host=host
        )

    def _java(self, name: str, main: str, *, config: dict[str, Any], host: Host | None = None) -> Program:
        conf = self._folder / "conf" / name
        conf.mkdir(parents=True, exist_ok=True)
        (conf / "config.yaml").write_text(yaml.safe_dump(config))
        (conf / "log4j.properties").write_text(LOGGING)
        libraries = [*FLINK.distribution.glob("flink-dist-*.jar"), *FLINK.distribution.glob("log4j-*.jar")]
        classpath = ":".join([*map(str, libraries), f"{FLINK.jars}/*"])
        logging = f"-Dlog4j.configurationFile=file:{conf / 'log4j.properties'}"
        command = ["java", *heap(name), *JAVA, logging, "-cp", classpath, f"org.apache.flink.{main}"]
        return self._program(name, [*command, "--configDir", str(conf)], host=host)

    def _wait(self, holds: Callable[[], bool], *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if holds():
                return
            for program in (self.job_manager, *self.task_managers):
                if program.process.poll() is not None:
                    raise RuntimeError(f"{program.log.stem} ended; it said\n{program.last_words}")
            time.sleep(0.1)
        raise RuntimeError(f"Flink was not ready after {seconds} s; see the logs in {self._folder}")
