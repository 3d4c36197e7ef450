"""A request larger than a batch is spread over several."""

from __future__ import annotations

import time

import grpc
import pytest

from tests.serving.batching.subject import error_of, rows, strings
from tests.serving.support import small_saved_model
from tests.serving.support.hammer import wait_for

pytestmark = pytest.mark.tensorflow


def test_a_large_request_is_spread_over_batches(batched):
    subject = batched(
        max_batch_size=20, enable_large_batch_splitting=True, max_execution_batch_size=4, allowed_batch_sizes=(2, 4)
    )
    with subject.held(requests=3):
        small = subject.ask(x=rows(100))
        wait_for(lambda: subject.metric("input_batch_size_count") == 2)
        time.sleep(0.1)
        large = subject.ask(x=rows(*range(10)))
        wait_for(lambda: subject.metric("input_batch_size_count") == 3)
        time.sleep(0.1)
        last = subject.ask(x=rows(200), filter_=["sum"])
    assert large.result(60)["sum"].tolist() == list(range(10))
    assert (small.result(60)["sum"].tolist(), last.result(60)["sum"].tolist()) == ([100], [200])
    # 1 + 3, 4, 3 + 1
    assert subject.sizes() == [4, 4, 4]


def test_a_part_that_fails_fails_the_large_request(batched):
    subject = batched(max_batch_size=20, enable_large_batch_splitting=True, max_execution_batch_size=2)
    good = small_saved_model.example(2).SerializeToString()
    error = error_of(subject.ask("regress", inputs=strings(good, good, good, b"no example", good)))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert len(subject.sizes()) == 3


def test_a_large_request_that_no_queue_has_room_for(batched):
    subject = batched(
        max_batch_size=20, enable_large_batch_splitting=True, max_execution_batch_size=4, max_enqueued_batches=2
    )
    error = error_of(subject.ask(x=rows(*range(9))))
    assert error.code is grpc.StatusCode.UNAVAILABLE
    assert error.text.endswith(
        "full; task size is 9 but scheduling capacity is only 8 (num_enqueued_batches=1, max_enqueued_batches=2, "
        "open_batch_size=0, max_execution_batch_size=4)"
    )
