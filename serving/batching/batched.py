"""Dynamic batching: rows of concurrent requests run as one, with TF Serving's parameters.

The rules are those of batching/batching_session.cc. There is one queue for each set of input and output tensors, so
that two signatures over the same tensors share one. `serving.batching.queue` forms the batches,
`serving.batching.tensors` merges the rows and splits the answers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence

import grpc
import numpy as np

from serving.batching.layout import SignatureLayout, TensorNames
from serving.batching.parameters import BatchingParameters
from serving.batching.queue import BatchScheduler
from serving.batching.tensors import Tensors, merge, rows_of, split
from serving.errors import StatusError
from serving.inference.servable import Servable, SignatureDef
from serving.metrics import Metrics


class BatchedServable:
    """A `Servable` that runs another one in batches.

    A request runs alone if it has no rows, does not fit its signature (so that its error does not affect others), or
    its signature is not declared by the model.

    Args:
        servable: runs the batches.
        parameters: sizes and waiting times of the batches.
        metrics: count the batches.
        name: the model's name, for the metrics.
        at_once: bool, whether a request that finds no other one running or waiting runs in its caller's thread.
    """

    signatures: Mapping[str, SignatureDef]

    def __init__(
        self, servable: Servable, *, parameters: BatchingParameters, metrics: Metrics, name: str, at_once: bool = False
    ):
        self.signatures = servable.signatures
        self._servable = servable
        self._parameters = parameters
        self._metrics = metrics
        self._name = name
        declared = [SignatureLayout.of(servable.signatures[name]) for name in sorted(servable.signatures)]
        self._runs = {layout.tensors: layout for layout in reversed(declared)}
        # Keyed by identity: most calls pass a declared signature itself. The layouts keep the signatures alive.
        self._layouts = {id(layout.signature): layout for layout in declared}
        self._scheduler = BatchScheduler(
            parameters=parameters, run=self._run_batch, name=f"batch_{name}", at_once=at_once
        )

    def run(
        self,
        signature: SignatureDef,
        inputs: Mapping[str, np.ndarray],
        *,
        output_filter: Collection[str] = (),
        timeout_seconds: float | None = None,
    ) -> dict[str, np.ndarray]:
        """See `Servable.run`.

        Raises:
            StatusError: also UNAVAILABLE if the queue is full, RESOURCE_EXHAUSTED if the deadline passed before the
                batch ran, and any error of the batch as a whole.
        """
        layout = self._layouts.get(id(signature)) or SignatureLayout.of(signature)
        if not (layout.tensors in self._runs and layout.names_fit(inputs, output_filter)):
            return self._alone(signature, inputs, output_filter, timeout_seconds)
        rows = rows_of(inputs)
        if not (rows and layout.shapes_fit(inputs)):
            return self._alone(signature, inputs, output_filter, timeout_seconds)
        self._metrics.input_batch_size.observe(rows, self._name)
        request = _Request(layout.by_tensor(inputs), rows, timeout_seconds=timeout_seconds)
        if rows <= self._parameters.execution_limit and self._scheduler.begin_alone():
            try:
                self._run_batch(layout.tensors, [request])
            finally:
                self._scheduler.end()
        else:
            self._scheduler.schedule(layout.tensors, request)
        outputs = request.result()
        return {name: outputs[layout.outputs[name]] for name in output_filter or sorted(layout.outputs)}

    def close(self) -> None:
        """Stop the threads and free the servable; no call may be running."""
        self._scheduler.close()
        self._servable.close()

    def _alone(
        self,
        signature: SignatureDef,
        inputs: Mapping[str, np.ndarray],
        output_filter: Collection[str],
        timeout_seconds: float | None,
    ) -> dict[str, np.ndarray]:
        return self._servable.run(signature, inputs, output_filter=output_filter, timeout_seconds=timeout_seconds)

    def _run_batch(self, tensors: TensorNames, requests: list[_Request]) -> None:
        try:
            answers = self._answers(self._runs[tensors], requests)
        except Exception as error:  # noqa: BLE001 (every caller is waiting for an answer)
            for request in requests:
                request.fail(error)
        else:
            for request, outputs in zip(requests, answers, strict=True):
                request.finish(outputs)

    def _answers(self, layout: SignatureLayout, requests: Sequence[_Request]) -> list[dict[str, np.ndarray]]:
        now = time.monotonic()
        for request in requests:
            self._metrics.queuing_latency.observe((now - request.enqueued) * 1e6, self._name)
        timeout_seconds = _time_left(requests, now)
        sizes = [request.size for request in requests]
        rows = self._parameters.padded(sum(sizes))
        self._metrics.padding_size.observe(rows - sum(sizes), self._name)
        self._metrics.processed_batch_size.observe(rows, self._name)
        merged = merge(
            [request.inputs for request in requests],
            rows=rows,
            pad_lengths=self._parameters.pad_variable_length_inputs,
            lists=layout.lists,
        )
        self._metrics.wrapped_run_count.add(self._name)
        outputs = self._servable.run(
            layout.signature,
            {name: merged[entry.tensor] for name, entry in layout.inputs.items()},
            timeout_seconds=timeout_seconds,
        )
        return split({layout.outputs[name]: array for name, array in outputs.items()}, sizes=sizes, rows=rows)


def _time_left(requests: Sequence[_Request], now: float) -> float | None:
    """Seconds until the latest deadline of the batch; None if a request has none.

    Raises:
        StatusError: all deadlines have passed.
    """
    deadlines = [request.deadline for request in requests if request.deadline is not None]
    if len(deadlines) < len(requests):
        return None
    latest = max(deadlines)
    if latest <= now:
        raise StatusError(grpc.StatusCode.RESOURCE_EXHAUSTED, "Run() timeout exceeded while waiting in batching queue")
    return latest - now


class _Request:
    """One caller's rows, or some of them; the caller waits for `result`."""

    def __init__(self, inputs: Tensors, size: int, *, timeout_seconds: float | None):
        self.inputs = inputs
        self.size = size
        self.enqueued = time.monotonic()
        self.deadline = None if timeout_seconds is None else self.enqueued + timeout_seconds
        self._parts: list[_Request] = []
        self._done = threading.Event()
        self._outputs: dict[str, np.ndarray] = {}
        self._error: Exception | None = None

    def split(self, sizes: Sequence[int]) -> list[_Request]:
        """Requests of these sizes, which this one waits for."""
        start = 0
        for size in sizes:
            rows = {name: array[start : start + size] for name, array in self.inputs.items()}
            part = _Request(rows, size, timeout_seconds=None)
            part.enqueued, part.deadline = self.enqueued, self.deadline
            self._parts.append(part)
            start += size
        return self._parts

    def finish(self, outputs: dict[str, np.ndarray]) -> None:
        """Give the caller the outputs of its rows."""
        self._outputs = outputs
        self._done.set()

    def fail(self, error: Exception) -> None:
        """Give the caller the batch's error."""
        self._error = error
        self._done.set()

    def result(self) -> dict[str, np.ndarray]:
        """The outputs by tensor name."""
        if self._parts:
            for part in self._parts:
                part._done.wait()
            outputs = [part.result() for part in self._parts]
            return {name: np.concatenate([part[name] for part in outputs]) for name in outputs[0]}
        self._done.wait()
        if isinstance(self._error, StatusError):
            # One for each caller: an exception that several threads raise collects the frames of all.
            raise StatusError(self._error.code, self._error.text)
        if self._error:
            raise self._error
        return self._outputs
