"""What cannot be batched fails, and takes no other request with it."""

from __future__ import annotations

import time

import grpc
import numpy as np
import pytest

from tests.serving.batching.subject import error_of, rows, strings
from tests.serving.support import small_saved_model
from tests.serving.support.hammer import wait_for

pytestmark = pytest.mark.tensorflow


def test_unequal_shapes_fail_their_batch_and_no_other_queue(batched):
    subject = batched()
    with subject.held(requests=3):
        wrong = [subject.ask(x=rows(1)), subject.ask(x=rows(1, width=2))]
        other = subject.ask("pair", a=rows(1, width=2), b=strings(b"b"))
    for error in map(error_of, wrong):
        assert error.code is grpc.StatusCode.FAILED_PRECONDITION
        assert error.text.startswith("Tensors with name 'double_x:0' from different tasks have different shapes and ")
    assert other.result(60)["b"].tolist() == [b"b!"]
    assert subject.ask(x=rows(1, width=2)).result(60)["y"].tolist() == [[2, 4]]


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        (
            {"a": np.float32(1).reshape(()), "b": strings(b"")},
            "Batching Run() input tensors must have at least one dim",
        ),
        ({"a": rows(1, 2, width=2), "b": strings(b"")}, "Batching Run() input tensors must have equal 0th-dimension"),
        ({"a": rows(*range(5), width=2), "b": strings(*[b""] * 5)}, "Task size 5 is larger than maximum input batch "),
    ],
)
def test_what_cannot_be_batched_is_refused(batched, inputs, text):
    subject = batched(max_batch_size=4)
    error = error_of(subject.ask("pair", **inputs))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.text.startswith(text)
    assert not subject.model.runs


@pytest.mark.parametrize(
    ("inputs", "filter_", "text"),
    [
        ({"a": rows(1, width=2)}, (), "input size does not match signature: 1!=2"),
        ({"a": rows(1, width=2).astype(np.float64), "b": strings(b"")}, (), "Expects arg[0] to be float but double"),
        ({"a": rows(1, width=2), "b": strings(b"")}, ("c",), "output tensor alias not found in signature: c"),
        ({"a": rows(1, width=2), "b": strings(b"")}, ("a", "a"), "duplicate output tensor alias: a"),
    ],
)
def test_a_request_that_does_not_fit_its_signature_fails_alone(batched, inputs, filter_, text):
    subject = batched()
    with subject.held(requests=2):
        mates = [subject.ask("pair", a=rows(number, width=2), b=strings(b"b")) for number in range(2)]
        bad = subject.ask("pair", filter_=filter_, **inputs)
    assert error_of(bad).text.startswith(text)
    assert [mate.result(60)["a"].tolist() for mate in mates] == [[[1, 2]], [[2, 3]]]


def test_a_row_of_another_shape_than_declared_joins_no_batch(batched):
    subject = batched()
    with subject.held(requests=1):
        mate = subject.ask("pair", a=rows(1, width=2), b=strings(b"b"))
        other = subject.ask("pair", a=rows(1, width=3), b=strings(b"b"))
    assert other.result(60)["a"].tolist() == [[2, 3, 4]]
    assert mate.result(60)["a"].tolist() == [[2, 3]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("total", "Batched output tensor has 0 dimensions"),
        (
            "first",
            "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input",
        ),
    ],
)
def test_outputs_without_a_row_for_each_row_are_refused(batched, name, text):
    error = error_of(batched().ask(name, x=np.array([1, 2], np.float32)))
    assert error.code is grpc.StatusCode.FAILED_PRECONDITION
    assert error.text.startswith(text)


def test_a_run_that_fails_fails_every_caller_of_its_batch_and_no_later_one(batched):
    subject = batched()
    good = small_saved_model.example(2).SerializeToString()
    with subject.held(requests=2):
        both = [subject.ask("regress", inputs=strings(text)) for text in (good, b"no example")]
    errors = [error_of(future) for future in both]
    assert errors[0] is not errors[1]
    assert {(error.code, error.text) for error in errors} == {(grpc.StatusCode.INVALID_ARGUMENT, errors[0].text)}
    assert "Could not parse example input" in errors[0].text
    assert subject.ask("regress", inputs=strings(good)).result(60)["outputs"].tolist() == [[3]]


def test_a_full_queue_refuses(batched):
    subject = batched(max_batch_size=2, max_enqueued_batches=2)
    with subject.held(requests=3):
        kept = [subject.ask(x=rows(1, 2)), subject.ask(x=rows(3))]
        wait_for(lambda: subject.metric("input_batch_size_count") == 3)
        time.sleep(0.1)
        refused = subject.ask(x=rows(4, 5))
        error = error_of(refused)
    assert error.code is grpc.StatusCode.UNAVAILABLE
    assert error.text == (
        "The batch scheduling queue to which this task was submitted is full; currently 2 batches enqueued and "
        "max_enqueued_batches is 2"
    )
    assert [future.result(60)["sum"].tolist() for future in kept] == [[1, 2], [3]]


def test_a_deadline_that_passes_in_the_queue(batched):
    subject = batched()
    with subject.held(requests=1):
        late = subject.ask(x=rows(1), timeout=0.01)
    error = error_of(late)
    assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert error.text == "Run() timeout exceeded while waiting in batching queue"
    assert subject.sizes() == []
