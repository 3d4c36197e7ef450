"""The Beam components on a real Spark cluster: what it makes, and what happens when a part of it dies.

A master, two workers on hosts of their own, a Beam worker pool beside each, and a job server.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.config.beam.spark import Spark
from pipeline.config.loading import load
from tests.engines import hosts
from tests.engines.downloads import SPARK
from tests.engines.equality import assert_same_metrics, assert_same_run, evaluate, run_beam_nodes
from tests.engines.spark.cluster import SparkCluster
from tests.shared.programs import PROJECT

REASON = SPARK.missing() or hosts.missing()
pytestmark = [pytest.mark.tensorflow, pytest.mark.skipif(REASON is not None, reason=str(REASON))]

ROWS = 40
ANSWER_SECONDS = 60
HANG_SECONDS = 240


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    with SparkCluster(folder=tmp_path_factory.mktemp("spark")) as cluster:
        yield cluster


def test_the_nodes_to_transform_give_what_they_give_in_memory(spark, in_memory, tmp_path):
    assert_same_run(in_memory, run_beam_nodes(*spark.profile, folder=tmp_path))


def test_the_evaluator_gives_the_metrics_that_it_gives_in_memory(spark, in_memory, tmp_path):
    config = load(config=PROJECT / "configs/taxi.yaml", profile="ci", overrides=[])
    ours, theirs = (
        evaluate(in_memory, config=config, beam_pipeline_args=where.arguments(), folder=tmp_path / where.runner)
        for where in (config.beam, options_of(spark))
    )
    assert_same_metrics(ours, theirs)


def test_an_executor_that_is_killed_costs_no_row(spark, tmp_path):
    with when_at_work(spark, tmp_path, lambda _: [executor.kill() for executor in spark.executors(0)]):
        assert squares(spark, tmp_path) == wanted()


def test_a_worker_that_is_killed_costs_no_row(spark, tmp_path):
    with when_at_work(spark, tmp_path, lambda _: spark.workers[0].kill()):
        assert squares(spark, tmp_path) == wanted()
    spark.start_worker(0)


def test_a_beam_worker_that_is_killed_costs_no_row(spark, tmp_path):
    with when_at_work(spark, tmp_path, lambda pid: os.kill(pid, signal.SIGKILL)):
        assert squares(spark, tmp_path) == wanted()


def test_what_a_step_raises_is_what_the_client_is_told(spark):
    def fails(row: int) -> int:
        raise ValueError(f"no row like {row}")

    with pytest.raises(RuntimeError, match="ValueError: no row like 7"), pipeline_on(spark) as pipeline:
        _ = pipeline | beam.Create([7]) | beam.Map(fails)


def test_a_job_that_is_cancelled_leaves_nothing_running(spark, tmp_path):
    pipeline = pipeline_on(spark)
    slow(pipeline, tmp_path, seconds=600)
    result = pipeline.run()
    wait_until(lambda: at_work(tmp_path))
    result.cancel()
    with pytest.raises(RuntimeError, match="in state CANCELLED"):
        result.wait_until_finish()
    wait_until(lambda: not spark.executors(0) + spark.executors(1) + spark.beam_workers(0) + spark.beam_workers(1))


def test_a_master_that_is_not_there_is_told_at_once(tmp_path):
    with SparkCluster(folder=tmp_path, workers=1) as spark:
        spark.master.kill()
        started = time.monotonic()
        with pytest.raises(Exception, match="master at .* does not answer"), pipeline_on(spark) as pipeline:
            _ = pipeline | beam.Create([1])
        assert time.monotonic() - started < ANSWER_SECONDS


def options_of(spark: SparkCluster) -> Spark:
    return Spark(runner="SparkRunner", job_endpoint=spark.job_endpoint, worker_pool=spark.worker_pool)


def pipeline_on(spark: SparkCluster) -> beam.Pipeline:
    return beam.Pipeline(options=PipelineOptions(options_of(spark).arguments()))


def slow(pipeline: beam.Pipeline, folder: Path, *, seconds: float) -> beam.PCollection:
    # A function of the test's own: the workers cannot import this module, so it is sent to them.
    def square(row: int, folder: str, seconds: float) -> int:
        Path(folder, str(os.getpid())).touch()
        time.sleep(seconds)
        return row * row

    rows = pipeline | beam.Create(range(ROWS)) | beam.Reshuffle()
    return rows | beam.Map(square, str(folder), seconds)


def squares(spark: SparkCluster, folder: Path) -> list[int]:
    with pipeline_on(spark) as pipeline:
        rows = slow(pipeline, folder, seconds=0.25)
        _ = rows | beam.Map(str) | beam.io.WriteToText(str(folder / "rows" / "row"))
    return sorted(int(line) for path in (folder / "rows").iterdir() for line in path.read_text().split())


def wanted() -> list[int]:
    return [row * row for row in range(ROWS)]


def at_work(folder: Path) -> set[int]:
    return {int(path.name) for path in folder.iterdir() if path.name.isdigit()}


def wait_until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + HANG_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.1)


@contextmanager
def when_at_work(spark: SparkCluster, folder: Path, harm: Callable[[int], object]) -> Iterator[None]:
    """While open, do the harm as soon as a Beam worker on the first host is at work; it is given the process's id."""
    done: list[int] = []

    def wait_and_harm() -> None:
        wait_until(lambda: at_work(folder) & {process.pid for process in spark.beam_workers(0)})
        [pid] = at_work(folder) & {process.pid for process in spark.beam_workers(0)}
        harm(pid)
        done.append(pid)

    thread = threading.Thread(target=wait_and_harm, daemon=True)
    thread.start()
    yield
    thread.join(1)
    assert done, "nothing was killed"
