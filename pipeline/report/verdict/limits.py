"""The limits beside the metrics that they judge."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from components.gates.evaluation import at_least, at_most
from components.gates.model.intervals import Interval
from pipeline.config.gates.evaluation import MetricLimit
from pipeline.report.run import ReportedRun


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A limit and the figure that it judges.

    Attributes:
        metric: the metric's name.
        where: the slice, ``all rows`` or ``the worst of 24 slices: hour=5``.
        value: the figure; NaN where it cannot be computed.
        interval: between which values it may lie, as text; empty if that is not known.
        limit: the limit in words.
        spare: how far the figure is on the right side of the limit; negative where it misses it.
    """

    metric: str
    where: str
    value: float
    interval: str
    limit: str
    spare: float


def judged(run: ReportedRun) -> Iterator[Judged]:
    """Each limit on a metric with its figure; of a limit on slices, the slice that is nearest to it or misses it most.

    Nothing without an evaluation.
    """
    if run.evaluated is None:
        return
    for threshold in run.config.gates.evaluation.thresholds:
        names = _slices(run, threshold)
        found = [one for name in names for one in _of_slice(run, threshold, name)]
        for limit in dict.fromkeys(one.limit for one in found):
            same = [one for one in found if one.limit == limit]
            worst = min(same, key=lambda one: -math.inf if math.isnan(one.spare) else one.spare)
            yield worst if threshold.sliced is None else _worst_of(worst, same)


def _worst_of(worst: Judged, same: Sequence[Judged]) -> Judged:
    missed = sum(not one.spare >= 0 for one in same)
    words = f"{missed} of {len(same)} slices miss it, most of all " if missed else f"nearest of {len(same)} slices: "
    return replace(worst, where=words + worst.where)


def _slices(run: ReportedRun, threshold: MetricLimit) -> list[str]:
    """The slices that a limit applies to."""
    assert run.evaluated is not None
    return [*run.evaluated.large(threshold.sliced, min_slice_size=run.config.gates.evaluation.min_slice_size)]


def _of_slice(run: ReportedRun, threshold: MetricLimit, name: str) -> Iterator[Judged]:
    candidate, baseline = run.metrics
    value = candidate[name].get(threshold.name, math.nan)
    change = value - baseline.get(name, {}).get(threshold.name, math.nan)
    between, moved = (_between(table.get(name, {}).get(threshold.name)) for table in run.intervals)
    for limit, words, figure, interval in (
        (threshold.min, "at least", value, between),
        (threshold.max, "at most", value, between),
        (threshold.max_drop, "may fall by", change, moved),
        (threshold.max_rise, "may rise by", change, moved),
    ):
        # Without a baseline, there is no change to judge.
        if limit is not None and not (words.startswith("may") and math.isnan(change)):
            yield Judged(
                metric=threshold.name,
                where=name or "all rows",
                value=figure,
                interval=interval,
                limit=f"{words} {limit:g}",
                spare=_spare(words, figure, limit),
            )


def _spare(words: str, figure: float, limit: float) -> float:
    if words == "at least":
        return figure - at_least(limit)
    if words == "may fall by":
        return figure + limit
    return at_most(limit) - figure


def _between(interval: Interval | None) -> str:
    return f"{interval.low:.4f} to {interval.high:.4f}" if interval else ""
