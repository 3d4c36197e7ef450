"""The queues and their threads, without a model."""

from __future__ import annotations

import threading
import time

import grpc
import pytest

from serving.batching.batched import BatchingParameters
from serving.batching.queue import BatchScheduler
from serving.errors import StatusError
from tests.serving.support.hammer import wait_for

pytestmark = pytest.mark.tensorflow


def test_a_task_that_finds_a_full_queue_is_taken_once_there_is_room():
    # The queue holds one task; without the wait most of these would be refused.
    ran, gate = [], threading.Event()

    def run(key, tasks):
        gate.wait(60)
        ran.extend(tasks)

    class Row:
        size = 1

    scheduler = BatchScheduler(
        parameters=BatchingParameters(max_batch_size=1, max_enqueued_batches=1, num_batch_threads=1), run=run, name="t"
    )
    gate.set()
    refused = []
    for _ in range(300):
        try:
            scheduler.schedule("queue", Row())
        except StatusError as error:
            refused.append(error.code)
    scheduler.close()
    assert len(ran) + len(refused) == 300
    assert len(ran) > 250
    assert set(refused) <= {grpc.StatusCode.UNAVAILABLE}


def test_the_parts_of_a_large_task_run_at_the_same_time():
    together, met = threading.Barrier(2), []

    class Rows:
        def __init__(self, size):
            self.size = size

        def split(self, sizes):
            return [Rows(size) for size in sizes]

    def run(key, tasks):
        try:
            together.wait(10)
            met.append(sum(task.size for task in tasks))
        except threading.BrokenBarrierError:
            pass

    parameters = BatchingParameters(
        max_batch_size=8, enable_large_batch_splitting=True, max_execution_batch_size=4, num_batch_threads=2
    )
    scheduler = BatchScheduler(parameters=parameters, run=run, name="t")
    # Both threads sleep without a time limit by now; one is woken for the task, and has to wake the other.
    time.sleep(0.1)
    scheduler.schedule("queue", Rows(8))
    wait_for(lambda: together.broken or len(met) == 2)
    scheduler.close()
    assert met == [4, 4]


def test_queues_take_turns():
    ran, gate = [], threading.Event()

    class Row:
        size = 1

    def run(key, tasks):
        gate.wait(60)
        ran.append(key)

    scheduler = BatchScheduler(
        parameters=BatchingParameters(max_batch_size=1, max_enqueued_batches=9, num_batch_threads=1), run=run, name="t"
    )
    for key in "aaaaabb":
        scheduler.schedule(key, Row())
    gate.set()
    scheduler.close()
    # The thread may have taken the first task before there was a second queue.
    assert "".join(ran) in ("aababaa", "ababaaa")
