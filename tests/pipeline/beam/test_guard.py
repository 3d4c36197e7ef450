"""Beam jobs that would go on for ever, ended by the guard: real FnApiRunner jobs, real worker processes, real kills."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
import psutil
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.beam.guard import BeamTimeLimit, BeamWorkerEnded, guarded

pytestmark = pytest.mark.tensorflow

SECONDS = 30
WORKERS = 2
PLENTY = 10.0


def say_and_sleep(row: int, folder: str) -> int:
    Path(folder, str(os.getpid())).touch()
    time.sleep(600)
    return row


def spin(row: int) -> int:
    while True:
        row += 1


def many_bytes(row: int) -> bytes:
    return bytes([row % 256]) * 1_000_000


def run(step: Callable[..., object], *arguments: str, flags: list[str], rows: int = 20) -> None:
    options = PipelineOptions(["--runner=FnApiRunner", *flags])
    with beam.Pipeline(options=options) as pipeline:
        _ = pipeline | beam.Create(range(rows)) | beam.Reshuffle() | beam.Map(step, *arguments)


def processes(mode: str = "multi_processing") -> list[str]:
    return [f"--direct_running_mode={mode}", f"--direct_num_workers={WORKERS}"]


def workers() -> list[psutil.Process]:
    return [
        child for child in psutil.Process().children(recursive=True) if "sdk_worker_main" in " ".join(child.cmdline())
    ]


def wait_for(found: Callable[[], list], count: int = 1) -> list:
    deadline = time.monotonic() + 60
    while len(found()) < count:
        assert time.monotonic() < deadline, "the workers did not start"
        time.sleep(0.1)
    return found()


@pytest.fixture
def kill_one(tmp_path):
    """Kills one worker as soon as one is at work; yields the moment of the kill."""
    killed: list[float] = []

    def kill() -> None:
        [at_work, *_] = wait_for(lambda: [path.name for path in tmp_path.iterdir()])
        killed.append(time.monotonic())
        os.kill(int(at_work), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    yield killed
    killer.join()


def test_a_killed_worker_ends_the_job_and_its_other_workers(kill_one, tmp_path):
    with guarded(PLENTY), pytest.raises(BeamWorkerEnded, match=r"signal 9; out of memory\?"):
        run(say_and_sleep, str(tmp_path), flags=processes())
    assert time.monotonic() - kill_one[0] < SECONDS
    assert not workers()


def test_a_worker_that_cannot_start_ends_the_job(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    start = time.monotonic()
    with guarded(PLENTY), pytest.raises(BeamWorkerEnded, match="exit code 1"):
        run(many_bytes, flags=processes())
    assert time.monotonic() - start < SECONDS


@pytest.mark.parametrize("mode", [pytest.param("in_memory", marks=pytest.mark.slow), "multi_processing"])
def test_the_limit_ends_a_job_that_sleeps(mode, tmp_path):
    start = time.monotonic()
    flags = processes() if mode == "multi_processing" else []
    with guarded(0.1), pytest.raises(BeamTimeLimit, match=r"beam\.limit_minutes \(0\.1\)"):
        run(say_and_sleep, str(tmp_path), flags=flags)
    assert 6 <= time.monotonic() - start < 6 + SECONDS
    assert not workers()


def test_the_limit_ends_a_job_in_another_thread():
    errors: list[Exception] = []

    def job() -> None:
        try:
            run(spin, flags=[])
        except BeamTimeLimit as error:
            errors.append(error)

    thread = threading.Thread(target=job, daemon=True)
    with guarded(0.02):
        thread.start()
        thread.join(SECONDS)
    assert "beam.limit_minutes (0.02)" in str(errors)


@pytest.mark.slow
def test_the_limit_ends_the_wait_for_a_job_server_that_never_answers():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        endpoint = f"localhost:{listener.getsockname()[1]}"
        flags = ["--runner=PortableRunner", f"--job_endpoint={endpoint}", "--environment_type=EXTERNAL"]
        with guarded(0.05), pytest.raises(BeamTimeLimit, match="was not accepted yet"):
            run(many_bytes, flags=[*flags, "--environment_config=localhost:1", "--job_server_timeout=600"])


@pytest.mark.slow
def test_an_error_of_the_job_stays_what_it_was():
    with guarded(PLENTY), pytest.raises(TypeError):
        run(len, flags=[])
    with guarded(PLENTY), pytest.raises(RuntimeError, match="TypeError"):
        run(len, flags=processes())
    assert not workers()
