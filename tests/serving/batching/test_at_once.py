"""Requests that run at once while nobody else's does; those that come meanwhile form the next batch."""

from __future__ import annotations

import time

import pytest

from serving.batching.batched import BatchingParameters
from serving.server.flags import parse
from tests.serving.batching.subject import Batched, rows
from tests.serving.support.command_line import MODEL, refusal
from tests.serving.support.hammer import wait_for

pytestmark = pytest.mark.tensorflow

# Far longer than any test waits for a batch.
NEVER_MICROS = 60_000_000


@pytest.fixture
def subject(model):
    parameters = BatchingParameters(num_batch_threads=2, max_batch_size=8, batch_timeout_micros=NEVER_MICROS)
    made = Batched(model, parameters, at_once=True)
    yield made
    made.model.gate.set()
    made.servable.close()


def test_one_after_the_other_nobody_waits(subject):
    start = time.monotonic()
    for number in range(20):
        assert subject.ask(x=rows(number)).result(60)["y"].tolist() == [[2 * number]]
    assert time.monotonic() - start < 10
    assert subject.sizes() == [1] * 20
    assert subject.metric("wrapped_run_count") == subject.metric("input_batch_size_count") == 20


def test_what_comes_while_one_runs_runs_together_after_it(subject):
    subject.model.gate.clear()
    first = subject.ask(x=rows(0))
    wait_for(lambda: len(subject.model.runs) == 1)
    others = [subject.ask(x=rows(number)) for number in range(1, 6)]
    wait_for(lambda: subject.metric("input_batch_size_count") == 6)
    # Counted just before it is queued.
    time.sleep(0.1)
    subject.model.gate.set()
    assert first.result(60)["y"].tolist() == [[0]]
    assert [other.result(60)["y"].tolist() for other in others] == [[[2 * number]] for number in range(1, 6)]
    assert subject.sizes() == [1, 5]


def test_a_full_batch_does_not_wait_for_the_one_that_runs(subject):
    subject.model.gate.clear()
    first = subject.ask(x=rows(0))
    wait_for(lambda: len(subject.model.runs) == 1)
    full = subject.ask(x=rows(*range(8)))
    wait_for(lambda: len(subject.model.runs) == 2)
    subject.model.gate.set()
    assert len(first.result(60)["y"]) + len(full.result(60)["y"]) == 9


def test_an_error_leaves_the_way_free_for_the_next(subject):
    for _ in range(2):
        assert subject.ask(x=rows(1, width=2)).result(60)["sum"].tolist() == [3]
        refused = subject.ask(x=rows(1), timeout=-1.0)
        assert refused.exception(60) is not None
    assert subject.ask(x=rows(1)).result(60)["y"].tolist() == [[2]]


def test_the_flag(capsys):
    assert "--batch_only_while_busy: give --enable_batching, too" in refusal(capsys, *MODEL, "--batch_only_while_busy")
    _, parts = parse([*MODEL, "--enable_batching", "--batch_only_while_busy"], description="")
    assert [part.batch_only_while_busy for part in parts if hasattr(part, "batch_only_while_busy")] == [True]
