"""A column's figures, from the statistics of the run and of the data that the served model was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.gates.data.drift import distances
from components.gates.data.drift.distances import Distance
from components.gates.data.drift.limits import Limits
from components.gates.data.label_check import NUMERIC, Statistics

Dataset = statistics_pb2.DatasetFeatureStatistics
TRAIN, EVAL, SERVED = "train", "eval", "served model's train"
_BINS = 24
# How far beyond the first and the last decile, in their distance.
_REACH = 0.4


@dataclass(frozen=True, kw_only=True)
class ComparedColumn:
    """A column on all sides that have it.

    Attributes:
        name: of the column.
        numeric: whether it holds numbers.
        sides: its statistics, by `TRAIN`, `EVAL` and `SERVED`.
        missing: share of rows without a value, by side.
        apart: how far train lies from eval, as data.drift measures; None where that cannot be said.
        moved: how far train lies from what the served model was trained on.
        limit: how far it may.
    """

    name: str
    numeric: bool
    sides: Mapping[str, Statistics]
    missing: Mapping[str, float]
    apart: Distance | None
    moved: Distance | None
    limit: float

    @property
    def drifted(self) -> bool:
        """Whether it moved more than its limit and chance allow."""
        return self.moved is not None and self.moved.exceeds(self.limit)

    @property
    def unusual(self) -> float:
        """What puts a column first: how much of its limit it has used, then how much is missing."""
        found = [one.value for one in (self.moved, self.apart) if one is not None]
        return max(found, default=0.0) / self.limit + max(self.missing.values(), default=0.0)


def columns(now: Mapping[str, Dataset], served: Mapping[str, Dataset], limits: Limits) -> Iterator[ComparedColumn]:
    """The columns of the training split, in its order.

    Args:
        now: statistics by split.
        served: the same of the data of the served model; empty in a first run.
        limits: how far they may be apart.
    """
    datasets = {TRAIN: now.get("train"), EVAL: now.get("eval"), SERVED: served.get("train")}
    present = {side: dataset for side, dataset in datasets.items() if dataset is not None}
    tables = {side: {_name(one): one for one in dataset.features} for side, dataset in present.items()}
    for name in tables.get(TRAIN, {}):
        sides = {side: table[name] for side, table in tables.items() if name in table}
        numeric = sides[TRAIN].type in NUMERIC
        yield ComparedColumn(
            name=name,
            numeric=numeric,
            sides=sides,
            missing={
                side: distances.missing_rows(tables[side].get(name), int(dataset.num_examples))
                / max(int(dataset.num_examples), 1)
                for side, dataset in present.items()
            },
            apart=_distance(sides, EVAL),
            moved=_distance(sides, SERVED),
            limit=limits.numbers.limit if numeric else limits.categories.limit,
        )


def bins(sides: Iterable[Statistics]) -> list[float]:
    """Edges of bins of equal width that hold nearly all values of all sides; one far outlier must not fill the plot."""
    edges: list[float] = []
    for feature in sides:
        for histogram in feature.num_stats.histograms:
            if histogram.type == statistics_pb2.Histogram.QUANTILES and len(histogram.buckets) > 2:
                inner = [bucket.low_value for bucket in histogram.buckets[1:]]
                reach = (inner[-1] - inner[0]) * _REACH
                edges += [max(inner[0] - reach, feature.num_stats.min), min(inner[-1] + reach, feature.num_stats.max)]
    if not edges or not max(edges) > min(edges):
        return []
    low, high = min(edges), max(edges)
    return [low + (high - low) * place / _BINS for place in range(_BINS + 1)]


def shares(feature: Statistics, edges: Sequence[float]) -> list[float]:
    """The share of values in each bin."""
    below = distances.at_most(feature, edges)
    return [after - before for before, after in pairwise(below)]


def top(feature: Statistics, most: int) -> dict[str, float]:
    """The share of each of the most frequent texts."""
    total = feature.string_stats.common_stats.tot_num_values or 1
    buckets = feature.string_stats.rank_histogram.buckets[:most]
    return {bucket.label: bucket.sample_count / total for bucket in buckets}


def _distance(sides: Mapping[str, Statistics], other: str) -> Distance | None:
    if other not in sides:
        return None
    now, before = (sides[TRAIN], sides[other])
    if now.type in NUMERIC and before.type in NUMERIC:
        return distances.of_numbers(now, before)
    if now.type == before.type == Statistics.STRING:
        return distances.of_categories(now, before)
    return None


def _name(feature: Statistics) -> str:
    return feature.name or "/".join(feature.path.step)
