"""Counters and histograms under TF Serving's names, and their text for Prometheus.

Names, help and buckets are those of servables/tensorflow/util.cc, servables/tensorflow/saved_model_warmup_util.cc,
core/request_logger.cc and batching/batching_session.cc; the text is that of util/prometheus_exporter.cc: slashes
become colons, every metric has a TYPE line, none has a HELP line. Additions of ours: the batching metrics carry the
model (``thread_pool_name``), a bucket includes its upper bound, as Prometheus defines ``le``, and sums are exact.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence

# Prometheus requires these escapes in label values.
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


class Counter:
    """A number that only grows, one for each combination of label values. Thread-safe.

    Args:
        name: str, the name in Prometheus.
        labels: the label names.
    """

    def __init__(self, name: str, *labels: str):
        self.name = name
        self._labels = labels
        self._values: dict[tuple[str, ...], int] = {}
        self._lock = threading.Lock()

    def add(self, *labels: str, amount: int = 1) -> None:
        """Add to the counter of these label values, given in the order of the label names."""
        with self._lock:
            if labels in self._values:
                self._values[labels] += amount
            else:
                _check(self._labels, labels)
                self._values[labels] = amount

    def lines(self) -> list[str]:
        """The exposition of this metric."""
        with self._lock:
            values = sorted(self._values.items())
        samples = [f"{self.name}{{{_pairs(self._labels, labels)}}} {value}" for labels, value in values]
        return [f"# TYPE {self.name} counter", *samples]


class Histogram:
    """Counts of values by bucket, one histogram for each combination of label values. Thread-safe.

    Args:
        name: str, the name in Prometheus.
        labels: the label names.
        bounds: upper bounds of the buckets, ascending; one more bucket holds the values above the last.
    """

    def __init__(self, name: str, *labels: str, bounds: Sequence[float]):
        self.name = name
        self._labels = labels
        self._bounds = tuple(bounds)
        self._cells: dict[tuple[str, ...], _Cell] = {}
        self._lock = threading.Lock()

    def observe(self, value: float, *labels: str) -> None:
        """Count one value."""
        bucket = bisect_left(self._bounds, value)
        with self._lock:
            cell = self._cells.get(labels)
            if cell is None:
                _check(self._labels, labels)
                cell = self._cells[labels] = _Cell(len(self._bounds) + 1)
            cell.counts[bucket] += 1
            cell.total += value

    def lines(self) -> list[str]:
        """The exposition of this metric; bucket counts are cumulative."""
        with self._lock:
            cells = sorted((labels, list(cell.counts), cell.total) for labels, cell in self._cells.items())
        lines = [f"# TYPE {self.name} histogram"]
        limits = [f"{bound:g}" for bound in self._bounds] + ["+Inf"]
        for labels, counts, total in cells:
            pairs = _pairs(self._labels, labels)
            before = f"{self.name}_bucket{{{pairs}{',' if pairs else ''}le="
            count = 0
            for limit, inside in zip(limits, counts, strict=True):
                count += inside
                lines.append(f'{before}"{limit}"}} {count}')
            lines += [f"{self.name}_sum{{{pairs}}} {total}", f"{self.name}_count{{{pairs}}} {count}"]
        return lines


class _Cell:
    __slots__ = ("counts", "total")

    def __init__(self, buckets: int):
        self.counts = [0] * buckets
        self.total = 0.0


class Metrics:
    """All metrics of one server.

    Attributes:
        request_count: by model_name and status (``OK`` or the code's name); gRPC's Predict, Classify and Regress,
            and whatever is asked over REST.
        request_latency: microseconds by model_name, API (``Predict``, ``Classify``, ``Regress``; over REST the path's
            own ``predict`` and so on, or nothing) and entrypoint (``GRPC`` or ``REST``); successes only.
        runtime_latency: microseconds of the run alone, by model_name, API and runtime (``TF1``).
        model_warmup_latency: microseconds by model_path and status.
        request_log_count: by model_name and status_code.
        queuing_latency: microseconds in the batch queue, by thread_pool_name (the model's name).
        input_batch_size: rows of each request, by thread_pool_name.
        processed_batch_size: rows of each batch, padding included, by thread_pool_name.
        padding_size: rows of padding in each batch, by thread_pool_name.
        wrapped_run_count: batches run, by thread_pool_name.
    """

    def __init__(self) -> None:
        # 10 µs to about 20 minutes; 100 µs to about one second; 1 to 8192 rows.
        latency = exponential_bounds(scale=10, growth=1.8, count=33)
        queue = exponential_bounds(scale=100, growth=1.2, count=52)
        rows = exponential_bounds(scale=1, growth=2, count=14)
        serving, batching = ":tensorflow:serving:", ":tensorflow:serving:batching_session:"
        pool = "thread_pool_name"
        self.request_count = Counter(f"{serving}request_count", "model_name", "status")
        self.request_latency = Histogram(f"{serving}request_latency", "model_name", "API", "entrypoint", bounds=latency)
        self.runtime_latency = Histogram(f"{serving}runtime_latency", "model_name", "API", "runtime", bounds=latency)
        self.model_warmup_latency = Histogram(f"{serving}model_warmup_latency", "model_path", "status", bounds=latency)
        self.request_log_count = Counter(f"{serving}request_log_count", "model_name", "status_code")
        self.queuing_latency = Histogram(f"{batching}queuing_latency", pool, bounds=queue)
        self.input_batch_size = Histogram(f"{batching}input_batch_size", pool, bounds=rows)
        self.processed_batch_size = Histogram(f"{batching}processed_batch_size", pool, bounds=rows)
        self.padding_size = Histogram(f"{batching}padding_size", pool, bounds=rows)
        self.wrapped_run_count = Counter(f"{batching}wrapped_run_count", pool)

    def exposition(self) -> str:
        """The text that Prometheus scrapes."""
        metrics: list[Counter | Histogram] = sorted(vars(self).values(), key=lambda metric: metric.name)
        return "".join(f"{line}\n" for metric in metrics for line in metric.lines())


def exponential_bounds(*, scale: float, growth: float, count: int) -> Sequence[float]:
    """Upper bounds ``scale * growth**i`` of ``count`` buckets."""
    return [scale * growth**index for index in range(count)]


def _check(names: Sequence[str], values: Sequence[str]) -> None:
    if len(names) != len(values):
        raise ValueError(f"{len(values)} label values for the labels {', '.join(names)}")


def _pairs(names: Sequence[str], values: Sequence[str]) -> str:
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in zip(names, values, strict=True))
