"""What a model costs to serve: its size on disk, the memory it takes, and the time of a request."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.inference.example_requests import requests_for
from serving.inference.servable import Servable

_REQUESTS = 30


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a model costs.

    Attributes:
        size_mb: its files, in megabytes.
        memory_mb: by how much loading and answering raised the process's peak memory, in megabytes.
        latency_ms: median time of a request of one row, without the network, in milliseconds.
    """

    size_mb: float
    memory_mb: float
    latency_ms: float


def measure(
    folder: Path, load: Callable[[], Servable], records: Sequence[bytes], *, signature: str
) -> tuple[Servable, Cost]:
    """Load a model and send it requests.

    Args:
        folder: its files.
        load: loads it.
        records: serialized tf.Examples; the first is sent.
        signature: name of the signature to call; a model without it has a latency of 0.
    """
    before = _peak_mb()
    model = load()
    seconds = [0.0]
    if signature in model.signatures:
        called = model.signatures[signature]
        inputs = requests_for(called, records[:1])
        model.run(called, inputs)
        seconds = [_timed(lambda: model.run(called, inputs)) for _ in range(_REQUESTS)]
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    latency = statistics.median(seconds) * 1000
    return model, Cost(size_mb=size / 1e6, memory_mb=_peak_mb() - before, latency_ms=latency)


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _peak_mb() -> float:
    # Linux counts it in kilobytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
