"""What happens to a Flink job when a part of the cluster is killed: the same result, or an error, and never a hang."""

import subprocess
import sys

import pytest
import requests

from tests.engines.flink.jobs import NUMBERS, Job
from tests.shared.programs import PROJECT, free_port

pytestmark = pytest.mark.tensorflow

# Flink's pause before a restart, then new workers; twice, where the first comes too early.
RECOVERY_SECONDS = 300


@pytest.fixture
def slow(flink, tmp_path):
    """A job whose workers have begun, and have some seconds to go."""

    def work(_: int) -> None:
        import time

        time.sleep(2)

    job = Job(flink, folder=tmp_path, work=work)
    job.wait_for_work(numbers=4)
    return job


def test_a_killed_task_manager_changes_nothing_in_the_result(flink, slow):
    flink.kill_task_manager(0)
    if len(flink.task_managers) == 1:
        flink.start_task_manager()
    slow.wait(seconds=RECOVERY_SECONDS)
    assert slow.error is None
    assert slow.result == NUMBERS
    # Flink did the work again.
    assert slow.begun > NUMBERS
    if len(flink.task_managers) > 1:
        flink.start_task_manager()


def test_a_killed_worker_changes_nothing_in_the_result(flink, slow):
    # Older ones may be left of a job before.
    workers = [worker for pool in flink.worker_pools for worker in pool.tree[1:]]
    max(workers, key=lambda worker: worker.create_time()).kill()
    slow.wait(seconds=RECOVERY_SECONDS)
    assert slow.error is None
    assert slow.result == NUMBERS
    assert slow.begun > NUMBERS


def test_worker_pools_that_are_gone_are_an_error_that_names_their_address(flink, slow):
    for pool in flink.worker_pools:
        pool.kill()
    try:
        slow.wait(seconds=RECOVERY_SECONDS)
        assert "Connection refused" in str(slow.error)
        assert flink.worker_pool.rpartition(":")[2] in str(slow.error)
    finally:
        for number in range(len(flink.worker_pools)):
            flink.start_worker_pool(number)


def test_a_job_server_that_is_killed_is_an_error(flink, slow):
    flink.job_server.kill()
    try:
        slow.wait(seconds=60)
        assert "UNAVAILABLE" in str(slow.error)
        # What was uploaded for the job does not wait for the job server to come back.
        assert flink.rest("jars")["files"] == []
    finally:
        # Nobody is left who would.
        requests.patch(f"{flink.master}/jobs/{slow.flink_id}?mode=cancel", timeout=10).raise_for_status()
        flink.start_job_server()


def test_a_job_server_that_is_not_there_is_an_error_before_any_work(tmp_path):
    endpoint = f"localhost:{free_port()}"
    command = [sys.executable, "-m", "pipeline", "run", "--profile=flink", f"--set=beam.job_endpoint={endpoint}"]
    command += [f"--set=runs={tmp_path}"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert f"beam.job_endpoint: {endpoint}: nothing listens" in done.stderr
