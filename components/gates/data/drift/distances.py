"""How far two columns, or two shares, are apart, and how far chance alone would put them.

All is computed from the statistics that TFDV keeps, so that the earlier rows are not needed. Its own Jensen-Shannon
divergence spreads the values evenly over ten bins of equal width: one outlier puts all others into one bin, and two
columns that differ by nothing else are 0.98 apart. Here the bins end at the quantiles, whose counts are exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.gates.data.label_check import NUMERIC, Statistics

# Standard deviations that chance gets: one comparison in a million of equal data is farther apart.
_Z = 4.75
# Of a share; what is beyond is not known from counts that were added up.
_DIGITS = 12


class Distance(NamedTuple):
    """How far apart two things are.

    Attributes:
        value: the distance.
        chance: the distance that equal things of these sizes exceed once in a million comparisons.
        words: an example that shows it.
    """

    value: float
    chance: float
    words: str = ""

    def exceeds(self, limit: float) -> bool:
        """Whether it is larger than a limit and chance together."""
        return self.value > limit + self.chance


def of_numbers(now: Statistics, before: Statistics) -> Distance | None:
    """The Jensen-Shannon divergence of two columns of numbers, to base 2; None if one of them has no values.

    Each one's quantiles are the bins for both once. There the other is known only roughly: it may grow evenly between
    its own quantiles, as spread values do, or be as near as it can be, as where many rows have the same value. The
    smallest result counts, so that neither bins nor equal values make a distance; what has moved shows in all.
    """
    first, second = _Cumulative.of(now), _Cumulative.of(before)
    if first is None or second is None:
        return None
    found = []
    for one, other in ((first, second), (second, first)):
        p = _masses(one.shares)
        for at_most in (other.even(one.points), other.nearest(one.points, one.shares)):
            q = _masses(at_most)
            found.append((_jensen_shannon(p, q), int(((p + q) > 0).sum())))
    value, bins = min(found)
    chance = (1 / first.total + 1 / second.total) * _chi_squared(bins - 1) / (8 * math.log(2))
    words = f"median {before.num_stats.median:.4g} to {now.num_stats.median:.4g}"
    return Distance(value, chance, words)


def of_categories(now: Statistics, before: Statistics) -> Distance | None:
    """The largest change of the share of a value; None if one of the columns has no values.

    TFDV lists the most frequent values, 1,000 by default; all others count as absent.
    """
    new, old = _frequencies(now), _frequencies(before)
    rows, before_rows = (_non_missing(feature) for feature in (now, before))
    if not new or not old or not rows or not before_rows:
        return None
    found = [
        (share(new.get(value, 0), rows, old.get(value, 0), before_rows), value) for value in dict.fromkeys([*new, *old])
    ]
    # The value that is farthest beyond chance, not the most frequent one, decides.
    distance, value = max(found, key=lambda each: each[0].value - each[0].chance)
    return distance._replace(
        words=f"{value[:30]!r} {old.get(value, 0) / before_rows:.1%} to {new.get(value, 0) / rows:.1%}"
    )


def share(count: float, rows: float, before: float, before_rows: float) -> Distance:
    """How far a share has moved: ``count`` of ``rows``, and ``before`` of ``before_rows`` earlier."""
    pooled = (count + before) / (rows + before_rows)
    # A share of nothing or of all has no variance; one row more or less can be seen everywhere.
    noise = _Z * math.sqrt(max(pooled * (1 - pooled), 0.0) * (1 / rows + 1 / before_rows)) + 1 / min(rows, before_rows)
    return Distance(abs(count / rows - before / before_rows), noise)


def mean(value: float, rows: float, before: float, before_rows: float, deviation: float) -> Distance:
    """How far a mean has moved, in standard deviations of the earlier values."""
    if not deviation:
        return Distance(0.0 if value == before else math.inf, 0.0)
    return Distance(abs(value - before) / deviation, _Z * math.sqrt(1 / rows + 1 / before_rows))


def at_most(feature: Statistics, points: Sequence[float]) -> list[float]:
    """The share of a column's values that are at most so large; empty if it has no values.

    It is exact at the quantiles, and grows evenly in between.

    Args:
        feature: a column of numbers.
        points: ascending.
    """
    known = _Cumulative.of(feature)
    return known.even(np.array(points)).tolist() if known else []


def missing_rows(feature: Statistics | None, rows: int) -> int:
    """In how many rows a column has no value, NaN included; in all of them if there is no such column."""
    if feature is None:
        return rows
    numbers = feature.type in NUMERIC
    common = feature.num_stats.common_stats if numbers else feature.string_stats.common_stats
    nan = sum(int(histogram.num_nan) for histogram in feature.num_stats.histograms[:1]) if numbers else 0
    # A feature may be present without a value, or with several.
    return rows - max(min(int(common.num_non_missing), int(common.tot_num_values)) - nan, 0)


class _Cumulative(NamedTuple):
    """How many values are at most so large, as a share, at the points where that is known exactly."""

    points: np.ndarray
    shares: np.ndarray
    total: float

    @classmethod
    def of(cls, feature: Statistics) -> _Cumulative | None:
        """From the quantiles, at which the counts are exact."""
        buckets = [
            bucket
            for histogram in feature.num_stats.histograms
            if histogram.type == statistics_pb2.Histogram.QUANTILES
            for bucket in histogram.buckets
        ]
        count = math.fsum(bucket.sample_count for bucket in buckets)
        if not count:
            return None
        highs = np.nan_to_num(np.array([bucket.high_value for bucket in buckets]))
        at_most = np.cumsum([bucket.sample_count for bucket in buckets]) / count
        last = np.append(highs[1:] != highs[:-1], [True])
        least = float(np.nan_to_num(buckets[0].low_value))
        points, shares = [np.nextafter(least, -math.inf)], [0.0]
        if least == 0 < highs[0]:
            # How many equal the least value is known of 0 only.
            points, shares = [*points, 0.0], [*shares, feature.num_stats.num_zeros / count]
        every = np.append(shares, at_most[last]).round(_DIGITS)
        return cls(np.append(points, highs[last]), np.maximum.accumulate(every), count)

    def even(self, points: np.ndarray) -> np.ndarray:
        """The shares at some points if values are spread evenly in between."""
        return np.interp(points, self.points, self.shares, left=0.0, right=1.0).round(_DIGITS)

    def nearest(self, points: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """What the shares at some points may be, as near as possible to those of another column."""
        after = np.searchsorted(self.points, points, side="right")
        known = np.concatenate([[0.0], self.shares, [1.0]])
        exact = (after > 0) & (self.points[np.maximum(after, 1) - 1] == points)
        return np.clip(shares, known[after], np.where(exact, known[after], known[after + 1]))


def _masses(at_most: np.ndarray) -> np.ndarray:
    """The shares up to the first point, between the points, and beyond the last."""
    return np.diff(np.concatenate([[0.0], at_most, [1.0]]))


def _jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    middle = (p + q) / 2
    return max((_entropy_to(p, middle) + _entropy_to(q, middle)) / 2, 0.0)


def _entropy_to(p: np.ndarray, middle: np.ndarray) -> float:
    some = p > 0
    return float((p[some] * np.log2(p[some] / middle[some])).sum())


def _chi_squared(degrees: int) -> float:
    """The value that chi-squared exceeds once in a million times (Wilson and Hilferty 1931)."""
    if degrees < 1:
        return 0.0
    part = 2 / (9 * degrees)
    return degrees * (1 - part + _Z * math.sqrt(part)) ** 3


def _frequencies(feature: Statistics) -> dict[str, float]:
    return {bucket.label: bucket.sample_count for bucket in feature.string_stats.rank_histogram.buckets}


def _non_missing(feature: Statistics) -> int:
    return int(feature.string_stats.common_stats.tot_num_values)
