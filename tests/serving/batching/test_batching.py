"""Batches formed under real threads, over a real model."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager

import grpc
import numpy as np
import pytest
from tensorflow.core.protobuf import meta_graph_pb2

from serving.batching.batched import BatchedServable, BatchingParameters
from serving.batching.layout import SignatureLayout
from serving.batching.queue import BatchScheduler
from serving.batching.tensors import merge
from serving.client.messages.values import MISSING
from serving.errors import StatusError
from serving.inference.engine import SavedModel
from serving.metrics import Metrics
from tests.serving import small_saved_model
from tests.serving.hammer import wait_for

pytestmark = pytest.mark.tensorflow

POOL = '{thread_pool_name="small"}'
CALLERS = 200


class Gated:
    """The model behind a gate: what is run meanwhile waits, and what comes meanwhile is queued.

    Attributes:
        runs: signature's first output, the inputs and the timeout of every run, in order.
    """

    def __init__(self, model: SavedModel):
        self.signatures = model.signatures
        self.runs: list[tuple[dict[str, np.ndarray], float | None]] = []
        self.gate = threading.Event()
        self.gate.set()
        self._model = model

    def run(self, signature, inputs, *, output_filter=(), timeout_seconds=None):
        self.runs.append((inputs, timeout_seconds))
        assert self.gate.wait(60)
        return self._model.run(signature, inputs, output_filter=output_filter, timeout_seconds=timeout_seconds)

    def close(self):
        pass


class Batched:
    """The subject and its neighbours."""

    def __init__(self, model: SavedModel, parameters: BatchingParameters):
        self.model = Gated(model)
        self.metrics = Metrics()
        self.servable = BatchedServable(self.model, parameters=parameters, metrics=self.metrics, name="small")
        self._pool = futures.ThreadPoolExecutor(CALLERS)

    def ask(self, name="double", *, filter_=(), timeout=None, **inputs):
        """In a thread of its own; returns a future."""
        signature = self.servable.signatures[name]
        return self._pool.submit(self.servable.run, signature, inputs, output_filter=filter_, timeout_seconds=timeout)

    def metric(self, name: str) -> int:
        """A counter, or the ``_count`` or ``_sum`` of a histogram."""
        start = f":tensorflow:serving:batching_session:{name}{POOL} "
        lines = [line for line in self.metrics.exposition().splitlines() if line.startswith(start)]
        return int(float(lines[0].removeprefix(start))) if lines else 0

    @contextmanager
    def held(self, *, requests: int) -> Iterator[None]:
        """Holds the only thread back until so many requests are in the queue, which the body sends."""
        self.model.gate.clear()
        seen = len(self.model.runs)
        blocker = self.ask("pair", a=np.zeros((1, 2), np.float32), b=strings(b""))
        wait_for(lambda: len(self.model.runs) > seen)
        before = self.metric("input_batch_size_count")
        yield
        wait_for(lambda: self.metric("input_batch_size_count") == before + requests)
        # Counted just before it is queued.
        time.sleep(0.1)
        self.model.gate.set()
        blocker.result(60)

    def sizes(self) -> list[int]:
        """The rows of every run, in order, without that of `held`."""
        return [len(next(iter(inputs.values()))) for inputs, _ in self.model.runs if "a" not in inputs]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    model = SavedModel(str(small_saved_model.write(tmp_path_factory.mktemp("small"))))
    yield model
    model.close()


@pytest.fixture
def batched(model):
    made = []

    def make(**parameters) -> Batched:
        made.append(Batched(model, BatchingParameters(**{"num_batch_threads": 1, **parameters})))
        return made[-1]

    yield make
    for each in made:
        each.model.gate.set()
        each.servable.close()


def rows(*values: float, width: int = 1) -> np.ndarray:
    return np.array([[value + index for index in range(width)] for value in values], np.float32)


def strings(*values: bytes) -> np.ndarray:
    return np.array(values, dtype=object)


def error_of(future) -> StatusError:
    error = future.exception(60)
    assert isinstance(error, StatusError), error
    return error


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


def test_a_batch_is_padded_with_rows_to_the_next_allowed_size(batched):
    subject = batched(max_batch_size=8, allowed_batch_sizes=(4, 8))
    with subject.held(requests=2):
        first = subject.ask(x=rows(1, 2))
        wait_for(lambda: subject.metric("input_batch_size_count") == 2)
        time.sleep(0.1)
        second = subject.ask(x=rows(5, 6, 7))
    assert first.result(60)["y"].tolist() == [[2], [4]]
    assert second.result(60)["y"].tolist() == [[10], [12], [14]]
    assert second.result(60)["rows"].tolist() == [8, 8, 8]
    # What is repeated is the first row of the last request.
    [merged] = subject.model.runs[-1][0].values()
    assert merged.tolist() == [[1], [2], [5], [6], [7], [5], [5], [5]]
    # The one that held the thread back was padded from 1 to 4.
    assert (subject.metric("padding_size_sum"), subject.metric("processed_batch_size_sum")) == (3 + 3, 4 + 8)


def test_unequal_lengths_are_padded_with_each_requests_first_value(batched):
    subject = batched(pad_variable_length_inputs=True)
    with subject.held(requests=2):
        short, long = subject.ask(x=rows(1, 5, width=2)), subject.ask(x=rows(7, width=4))
    assert short.result(60)["y"].tolist() == [[2, 4, 2, 2], [10, 12, 2, 2]]
    assert long.result(60)["y"].tolist() == [[14, 16, 18, 20]]


def test_padding_keeps_strings_whole():
    short, long = np.array([[b"a\0"]], dtype=object), np.array([[b"b", b"c\0"]], dtype=object)
    merged = merge([{"s": short}, {"s": long}], rows=3, pad_lengths=True)
    assert merged["s"].tolist() == [[b"a\0", b"a\0"], [b"b", b"c\0"], [b"b", b"c\0"]]
    with pytest.raises(StatusError, match="Got empty tensor in batch of non-empty tensors."):
        merge([{"s": short}, {"s": np.empty((1, 0), dtype=object)}], rows=2, pad_lengths=True)


def test_columns_of_lists_are_padded_with_what_is_missing():
    signature = meta_graph_pb2.SignatureDef()
    for name, dtype, sizes in (("tags", 7, [-1, -1]), ("codes", 9, [-1, -1]), ("place", 1, [-1, 3]), ("kind", 7, [-1])):
        signature.inputs[name].name, signature.inputs[name].dtype = f"{name}:0", dtype
        for size in sizes:
            signature.inputs[name].tensor_shape.dim.add(size=size)
        signature.inputs[name].tensor_shape.dim[0].name = "what the exporter says of it"
    layout = SignatureLayout.of(signature)
    assert layout.lists == {"tags:0", "codes:0"}
    first = {"tags:0": np.array([[b"a"]], object), "codes:0": np.array([[5, 6]])}
    second = {"tags:0": np.array([[b"b", b"c"]], object), "codes:0": np.empty((1, 0), np.int64)}
    merged = merge([first, second], rows=2, pad_lengths=False, lists=layout.lists)
    assert merged["tags:0"].tolist() == [[b"a", b""], [b"b", b"c"]]
    assert merged["codes:0"].tolist() == [[5, 6], [MISSING["i"]] * 2]
    for info in signature.inputs.values():
        info.tensor_shape.dim[0].name = ""
    assert not SignatureLayout.of(signature).lists


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


def test_a_deadline_that_passes_in_the_queue(batched):
    subject = batched()
    with subject.held(requests=1):
        late = subject.ask(x=rows(1), timeout=0.01)
    error = error_of(late)
    assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert error.text == "Run() timeout exceeded while waiting in batching queue"
    assert subject.sizes() == []


@pytest.mark.parametrize("timeouts", [(0.01, 3600.0), (0.01, None), (None, 3600.0)])
def test_the_batch_has_its_latest_deadline(batched, timeouts):
    subject = batched()
    with subject.held(requests=2):
        both = [subject.ask(x=rows(1), timeout=timeout) for timeout in timeouts]
    assert [future.result(60)["rows"].tolist() for future in both] == [[2], [2]]
    passed = subject.model.runs[-1][1]
    assert passed is None if None in timeouts else 3000 < passed < 3600


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
