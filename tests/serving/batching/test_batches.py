"""Which requests share a batch, and what each of them gets back."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from serving.batching.batched import BatchingParameters
from tests.serving.batching.subject import CALLERS, Batched, rows, strings
from tests.serving.support.hammer import wait_for

pytestmark = pytest.mark.tensorflow


def test_every_caller_of_many_gets_the_answers_to_its_own_rows(batched):
    subject = batched(num_batch_threads=2, max_batch_size=64, max_enqueued_batches=100)
    subject.model.gate.clear()
    asked = [rows(*range(number, number + 1 + number % 5)) for number in range(CALLERS)]
    answers = [subject.ask(x=x) for x in asked]
    wait_for(lambda: subject.metric("input_batch_size_count") == CALLERS)
    subject.model.gate.set()
    shared = 0
    for x, future in zip(asked, answers, strict=True):
        answer = future.result(60)
        np.testing.assert_array_equal(answer["y"], 2 * x)
        np.testing.assert_array_equal(answer["sum"], x[:, 0])
        assert set(answer["rows"]) == {answer["rows"][0]}
        shared += answer["rows"][0] > len(x)
    assert shared > CALLERS / 2
    assert max(subject.sizes()) <= 64
    assert sum(subject.sizes()) == subject.metric("input_batch_size_sum") == sum(map(len, asked))
    assert len(subject.sizes()) == subject.metric("wrapped_run_count") < CALLERS / 2
    assert subject.metric("queuing_latency_count") == CALLERS
    # Microseconds of all callers, most of whom waited behind the gate.
    assert CALLERS < subject.metric("queuing_latency_sum") < CALLERS * 60e6


def test_many_callers_of_several_signatures_without_any_gate(batched):
    subject = batched(num_batch_threads=3, max_batch_size=8, max_enqueued_batches=1000, batch_timeout_micros=500)
    numbers = range(CALLERS)
    doubles = [subject.ask(x=rows(number)) for number in numbers]
    pairs = [subject.ask("pair", a=rows(number, width=2), b=strings(b"%d" % number)) for number in numbers]
    for number, double, pair in zip(numbers, doubles, pairs, strict=True):
        assert double.result(60)["y"].tolist() == [[2 * number]]
        assert pair.result(60)["a"].tolist() == [[number + 1, number + 2]]
        assert pair.result(60)["b"].tolist() == [b"%d!" % number]


def test_with_no_timeout_an_idle_server_runs_a_request_at_once(batched):
    subject = batched(batch_timeout_micros=0)
    assert [subject.ask(x=rows(1)).result(60)["rows"].tolist() for _ in range(3)] == [[1], [1], [1]]


def test_a_batch_waits_for_others_until_it_is_full_or_its_time_is_over(batched):
    subject = batched(max_batch_size=2, batch_timeout_micros=3_600_000_000)
    first, second = subject.ask(x=rows(1)), subject.ask(x=rows(2))
    assert first.result(60)["rows"].tolist() == second.result(60)["rows"].tolist() == [2]
    subject = batched(max_batch_size=2, batch_timeout_micros=20_000)
    assert subject.ask(x=rows(1)).result(60)["rows"].tolist() == [1]


def test_a_request_without_rows_is_answered_without_any(batched):
    subject = batched(batch_timeout_micros=3_600_000_000)
    assert subject.ask(x=np.empty((0, 3), np.float32)).result(60)["y"].shape == (0, 3)


def test_callers_pick_outputs_of_one_batch(batched):
    subject = batched()
    with subject.held(requests=3):
        whole, some = subject.ask(x=rows(1)), subject.ask(x=rows(2), filter_=["sum", "rows"])
        one = subject.ask(x=rows(3), filter_=["y"])
    assert set(whole.result(60)) == {"rows", "sum", "y"}
    assert list(some.result(60).items()) == [("sum", [2]), ("rows", [3])]
    assert one.result(60)["y"].tolist() == [[6]]
    assert set(one.result(60)) == {"y"}


def test_signatures_over_the_same_tensors_share_a_queue(batched):
    subject = batched()
    with subject.held(requests=2):
        one, other = subject.ask(x=rows(1)), subject.ask("again", other_x=rows(2))
    assert (one.result(60)["rows"].tolist(), other.result(60)["other_rows"].tolist()) == ([2], [2])
    assert other.result(60)["other_y"].tolist() == [[4]]


def test_a_signature_that_the_model_does_not_declare_runs_alone(batched):
    subject = batched(batch_timeout_micros=3_600_000_000)
    signature = type(subject.servable.signatures["double"])()
    signature.CopyFrom(subject.servable.signatures["double"])
    del signature.outputs["sum"]
    assert subject.servable.run(signature, {"x": rows(1, 2)})["rows"].tolist() == [2, 2]
    assert subject.metric("wrapped_run_count") == 0


@pytest.mark.parametrize("timeouts", [(0.01, 3600.0), (0.01, None), (None, 3600.0)])
def test_the_batch_has_its_latest_deadline(batched, timeouts):
    subject = batched()
    with subject.held(requests=2):
        both = [subject.ask(x=rows(1), timeout=timeout) for timeout in timeouts]
    assert [future.result(60)["rows"].tolist() for future in both] == [[2], [2]]
    passed = subject.model.runs[-1][1]
    assert passed is None if None in timeouts else 3000 < passed < 3600


def test_closing_runs_what_is_queued_and_ends_the_threads(model):
    subject = Batched(model, BatchingParameters(num_batch_threads=2, max_batch_size=2, batch_timeout_micros=10**10))
    subject.model.gate.clear()
    asked = [subject.ask(x=rows(number)) for number in range(7)]
    wait_for(lambda: subject.metric("input_batch_size_count") == 7)
    time.sleep(0.1)
    closing = threading.Thread(target=subject.servable.close)
    closing.start()
    subject.model.gate.set()
    closing.join(60)
    assert [future.result(60)["sum"].tolist() for future in asked] == [[number] for number in range(7)]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batch_small")]
