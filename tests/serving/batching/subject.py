"""The batching under test: a real model behind a gate, with callers in threads of their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager

import numpy as np

from serving.batching.batched import BatchedServable, BatchingParameters
from serving.errors import StatusError
from serving.inference.engine import SavedModel
from serving.metrics import Metrics
from tests.serving.support.hammer import wait_for

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

    def __init__(self, model: SavedModel, parameters: BatchingParameters, *, at_once: bool = False):
        self.model = Gated(model)
        self.metrics = Metrics()
        self.servable = BatchedServable(
            self.model, parameters=parameters, metrics=self.metrics, name="small", at_once=at_once
        )
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


def rows(*values: float, width: int = 1) -> np.ndarray:
    return np.array([[value + index for index in range(width)] for value in values], np.float32)


def strings(*values: bytes) -> np.ndarray:
    return np.array(values, dtype=object)


def error_of(future) -> StatusError:
    error = future.exception(60)
    assert isinstance(error, StatusError), error
    return error
