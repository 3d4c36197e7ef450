"""The taxi pipeline's Beam nodes on a real Flink cluster: the same as in memory, on every task manager."""

from pathlib import Path

import pytest

from pipeline.beam.guard import BeamTimeLimit
from pipeline.config.loading import load
from tests.engines import equality
from tests.engines.flink.jobs import Job, options_of
from tests.shared.programs import PROJECT

pytestmark = pytest.mark.tensorflow


def test_the_nodes_to_transform_give_what_they_give_in_memory(flink, in_memory, tmp_path):
    before = {job["id"] for job in flink.rest("jobs")["jobs"]}
    run = equality.run_beam_nodes(*flink.profile, folder=tmp_path)
    equality.assert_same_run(in_memory, run)
    jobs = [job for job in flink.rest("jobs")["jobs"] if job["id"] not in before]
    # ExampleGen, StatisticsGen, Transform, and the probe before them.
    assert len(jobs) == 4
    assert {job["status"] for job in jobs} == {"FINISHED"}
    for job in jobs:
        assert len(flink.hosts_of(job["id"])) == len(flink.task_managers)
    # What was uploaded for a job is gone with it.
    assert flink.rest("jars")["files"] == []


def test_the_evaluator_gives_the_metrics_that_it_gives_in_memory(flink, in_memory, tmp_path):
    config = load(config=PROJECT / "configs/taxi.yaml", profile="ci", overrides=[])
    ours, theirs = (
        equality.evaluate(in_memory, config=config, beam_pipeline_args=beam.arguments(), folder=tmp_path / beam.runner)
        for beam in (config.beam, options_of(flink))
    )
    equality.assert_same_metrics(ours, theirs)


def test_workers_run_their_own_installation_and_their_error_is_told(flink, tmp_path):
    def fail(_: int) -> None:
        import trainer

        raise ValueError(f"the worker's code is {trainer.__file__}")

    job = Job(flink, folder=tmp_path, work=fail)
    job.wait(seconds=300)
    assert flink.rest(f"jobs/{job.flink_id}")["state"] == "FAILED"
    told = str(job.error)
    assert f"ValueError: the worker's code is {flink.installation / 'trainer' / '__init__.py'}" in told
    assert not (flink.installation / "trainer").is_relative_to(PROJECT)
    assert "\tat " not in told


def test_a_job_at_its_limit_is_cancelled_on_the_cluster(flink, tmp_path: Path):
    def sleep(_: int) -> None:
        import time

        time.sleep(600)

    job = Job(flink, folder=tmp_path, work=sleep, limit_minutes=0.4)
    job.wait(seconds=180)
    assert isinstance(job.error, BeamTimeLimit)
    assert "it was cancelled" in str(job.error)
    assert flink.rest(f"jobs/{job.flink_id}")["state"] in ("CANCELLING", "CANCELED")
