"""The taxi pipeline's Beam nodes on Beam's own portable job service and in worker processes: the same as in memory."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
import grpc
import psutil
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

from pipeline.beam.guard import BeamTimeLimit, guarded
from pipeline.config.config import Config
from pipeline.config.loading import load
from tests.engines import equality
from tests.engines.local_service import LocalJobService
from tests.shared.programs import PROJECT

pytestmark = pytest.mark.tensorflow

State = beam_job_api_pb2.JobState


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with LocalJobService(tmp_path_factory.mktemp("service")) as service:
        yield service


def config_of(service: LocalJobService) -> Config:
    [profile, *overrides] = service.profile
    return load(
        config=PROJECT / "configs/taxi.yaml",
        profile=profile.removeprefix("--profile="),
        overrides=[flag.removeprefix("--set=") for flag in overrides],
    )


def run(service: LocalJobService, step: Callable[[int], object], *flags: str, limit_minutes: float = 2) -> None:
    options = PipelineOptions([*config_of(service).beam.arguments(), *flags])
    with guarded(limit_minutes), beam.Pipeline(options=options) as pipeline:
        _ = pipeline | beam.Create([1]) | beam.Map(step)


def states(service: LocalJobService) -> list[int]:
    with grpc.insecure_channel(service.job_endpoint) as channel:
        jobs = beam_job_api_pb2_grpc.JobServiceStub(channel).GetJobs(beam_job_api_pb2.GetJobsRequest(), timeout=10)
    return [job.state for job in jobs.job_info]


def wait_until(true: Callable[[], object], *, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def start_run(*flags: str, folder: Path, to: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "pipeline", "run", *flags, f"--set=runs={folder}", f"--to={to}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def beam_workers(process: subprocess.Popen) -> list[psutil.Process]:
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "apache_beam.runners.worker.sdk_worker_main" in child.cmdline()]


def test_its_workers_have_an_installation_of_their_own(service, tmp_path):
    found = tmp_path / "found"

    def note(row: int) -> None:
        import trainer.features.transformed

        found.write_text(trainer.features.__file__)

    run(service, note)
    assert Path(found.read_text()).is_relative_to(service.project)


def test_a_job_may_take_longer_than_the_time_out_of_its_server(service):
    run(service, lambda row: time.sleep(8), "--job_server_timeout=4")


def test_the_pipeline_gives_the_same_there(service, in_memory, tmp_path):
    there = equality.run_beam_nodes(*service.profile, folder=tmp_path)
    equality.assert_same_run(in_memory, there)

    here = load(config=PROJECT / "configs/taxi.yaml", profile="ci")
    ours, theirs = (
        equality.evaluate(in_memory, config=config, beam_pipeline_args=config.beam.arguments(), folder=tmp_path / name)
        for name, config in (("here", here), ("there", config_of(service)))
    )
    assert ours[""]["auc"] > 0.9
    equality.assert_same_metrics(ours, theirs)
    ours[""]["auc"] += 1e-5
    with pytest.raises(AssertionError):
        equality.assert_same_metrics(ours, theirs)


def test_other_splits_are_not_the_same(in_memory, tmp_path):
    flags = ("--profile=ci", "--set=data.splits={train: 1, eval: 1}")
    other = equality.run_beam_nodes(*flags, folder=tmp_path, to="StatisticsGen")
    for compare in (equality.assert_same_examples, equality.assert_same_statistics):
        with pytest.raises(AssertionError):
            compare(in_memory, other)


def test_after_a_killed_worker_the_next_run_gives_the_same(in_memory, tmp_path):
    process = start_run("--profile=multi_processing", folder=tmp_path, to="Transform")
    for line in process.stdout:
        if "SchemaGen" in line:
            break
    wait_until(lambda: beam_workers(process))
    [victim, *others] = beam_workers(process)
    victim.kill()
    killed = time.monotonic()
    _, errors = process.communicate(timeout=120)
    assert time.monotonic() - killed < 30
    assert process.returncode == 1
    [reason, where] = errors.splitlines()
    assert reason.startswith("StatisticsGen failed: BeamWorkerEnded: a Beam worker process ended (signal 9")
    assert "log" in where
    assert not any(worker.is_running() for worker in others)

    equality.assert_same_run(in_memory, equality.run_beam_nodes("--profile=multi_processing", folder=tmp_path))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_cancels_its_job(service, tmp_path, number):
    before = len(states(service))
    process = start_run(*service.profile, folder=tmp_path, to="ExampleGen")
    wait_until(lambda: states(service)[before:] == [State.RUNNING])
    process.send_signal(number)
    process.communicate(timeout=120)
    assert process.returncode != 0
    assert states(service)[before:] == [State.CANCELLED]


def test_the_limit_cancels_a_job_whose_worker_was_killed(service, tmp_path):
    """Nobody else would end it: the service waits for the dead worker for ever."""
    before = len(states(service))

    def sleep(row: int) -> None:
        (tmp_path / str(os.getpid())).touch()
        time.sleep(600)

    def kill() -> None:
        wait_until(lambda: list(tmp_path.iterdir()))
        os.kill(int(next(tmp_path.iterdir()).name), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(BeamTimeLimit, match=r"beam\.limit_minutes \(0\.3\); it was cancelled"):
        run(service, sleep, limit_minutes=0.3)
    killer.join()
    assert states(service)[before:] == [State.CANCELLED]
