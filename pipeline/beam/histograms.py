"""TFDV's histograms of numbers by numpy, for the time of a run.

TensorFlow Data Validation makes each column's histogram of equal widths from 1,000 quantiles, in a loop of Python over
messages: some 20 ms a column and split however few the rows are, which is most of StatisticsGen on a wide table. The
same sums over arrays, in the same order, give the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from tensorflow_data_validation.utils import quantiles_util
from tensorflow_metadata.proto.v0 import statistics_pb2

from pipeline.patches import replaced

_PARAMETERS = ("quantiles", "cumulative_counts", "finite_min", "finite_max", "num_buckets", "num_pos_inf")


@contextmanager
def quick_histograms() -> Iterator[None]:
    """While open, TFDV computes histograms of equal widths by numpy."""
    original = quantiles_util.generate_equi_width_histogram

    def quick(
        quantiles: np.ndarray,
        cumulative_counts: np.ndarray,
        finite_min: float,
        finite_max: float,
        num_buckets: int,
        num_pos_inf: float,
    ) -> statistics_pb2.Histogram:
        if not np.isfinite([finite_min, finite_max, *quantiles[:1], *quantiles[-1:]]).all():
            # Infinities have buckets of their own.
            return original(quantiles, cumulative_counts, finite_min, finite_max, num_buckets, num_pos_inf)
        edges = np.array([finite_min, finite_max])
        if finite_min != finite_max:
            edges = np.linspace(finite_min, finite_max, num_buckets + 1)
        if not np.isfinite(edges).all() or num_pos_inf:
            return original(quantiles, cumulative_counts, finite_min, finite_max, num_buckets, num_pos_inf)
        counts = equi_width_counts(quantiles, cumulative_counts, edges)
        result = statistics_pb2.Histogram(type=statistics_pb2.Histogram.STANDARD)
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
            result.buckets.add(low_value=low, high_value=high, sample_count=count)
        return result

    with replaced(quantiles_util, "generate_equi_width_histogram", quick, parameters=_PARAMETERS):
        yield


def equi_width_counts(quantiles: np.ndarray, cumulative_counts: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """How many values are in each interval, if they are spread evenly within each quantile bin.

    Args:
        quantiles: the finite bounds of the bins, sorted, ``[bins + 1]``.
        cumulative_counts: the values up to each bound, ``[bins + 1]``.
        edges: the finite bounds of the intervals, sorted, ``[intervals + 1]``.

    Returns:
        float64 ``[intervals]``.
    """
    lows, highs, weights = quantiles_util._get_bin_weights(quantiles, cumulative_counts)
    lows, highs = lows.astype(np.float64), highs.astype(np.float64)
    left, right = edges[:-1, np.newaxis], edges[1:, np.newaxis]
    # A bin that is a point belongs to the interval that it ends, but the first one begins with it.
    point = (lows == highs) & (lows == left)
    apart = (highs < left) | (lows > right)
    inside = (left <= lows) & (highs <= right)
    widths = np.where(highs > lows, highs - lows, 1.0)
    part = (np.minimum(highs, right) - np.maximum(lows, left)) / widths
    share = np.where(point, 0.0, np.where(apart, 0.0, np.where(inside, 1.0, part)))
    share[0, point[0]] = 1.0
    # A running sum adds in the order of the loop; a sum would add in pairs.
    return np.cumsum(share * weights, axis=1)[:, -1] if lows.size else np.zeros(len(edges) - 1)
