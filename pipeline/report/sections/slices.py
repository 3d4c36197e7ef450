"""The task's primary metric by slice, those that cost most first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from scipy import stats

from components.gates.evaluation import ALL_EXAMPLES, EXAMPLE_COUNT
from components.gates.model.intervals import Interval
from pipeline.config.gates.evaluation import Confidence
from pipeline.config.gates.metrics import METRICS, PRIMARY
from pipeline.report.html.plots import BASELINE, CANDIDATE, axis, colored, folded, plot, table
from pipeline.report.run import ReportedRun
from pipeline.report.summary import worst_first

_DRAWN = 30
_LISTED = 300
_LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One slice.

    Attributes:
        name: such as ``hour=5``.
        rows: how many.
        value: the metric.
        before: that of the served model; None without one.
        interval: of the metric; None if it is not known.
        gap: how much worse the metric is than over all rows; below 0 where it is better.
    """

    name: str
    rows: float
    value: float
    before: float | None
    interval: Interval | None
    gap: float

    @property
    def damage(self) -> float:
        """What the gap costs: the rows that would be right if the slice were as good as all."""
        return self.gap * self.rows


def title(run: ReportedRun) -> str:
    """The heading."""
    return f"{PRIMARY[run.config.label.task].replace('_', ' ').capitalize()} by slice"


def body(run: ReportedRun) -> Markup:
    """The section's HTML; empty without an evaluation."""
    if run.evaluated is None:
        return Markup()
    found = slices(run)
    if not found:
        return Markup("<p>No slice has gates.evaluation.min_slice_size rows, or gates.evaluation.slices is empty.</p>")
    words = f"Sorted by damage, the gap to all rows (the dashed line) times the rows: {found[0].name} costs most"
    if any(one.interval for one in found):
        level = (run.config.gates.evaluation.confidence or Confidence()).level
        words += f". Bars are {level:.0%} intervals"
    return plot(_spec(run, found[:_DRAWN]), words=words, height=22 * min(len(found), _DRAWN)) + folded(
        "As a table", _table(found)
    )


def slices(run: ReportedRun) -> list[Slice]:
    """The slices that are large enough to have limits, those that cost most first."""
    candidate, baseline = run.metrics
    task = run.config.label.task
    metric = PRIMARY[task]
    sign = 1 if METRICS[task][metric].higher_is_better else -1
    overall = candidate[ALL_EXAMPLES][metric]
    found = [
        Slice(
            name=name,
            rows=candidate[name][EXAMPLE_COUNT],
            value=candidate[name][metric],
            before=baseline.get(name, {}).get(metric),
            interval=_interval(run, name, metric),
            gap=sign * (overall - candidate[name][metric]),
        )
        for name in worst_first(candidate, task, min_size=run.config.gates.evaluation.min_slice_size)
    ]
    return sorted(found, key=lambda one: -one.damage)


def _interval(run: ReportedRun, name: str, metric: str) -> Interval | None:
    """The Evaluator's, or of an accuracy without weights Wilson's, which needs no replicates."""
    if known := run.intervals[0].get(name, {}).get(metric):
        return known
    figures = run.metrics[0][name]
    if metric != "accuracy" or run.config.example_weight is not None:
        return None
    rows = round(figures[EXAMPLE_COUNT])
    low, high = stats.binomtest(round(figures[metric] * rows), rows).proportion_ci(_LEVEL, method="wilson")
    return Interval(figures[metric], low, high)


def _table(found: list[Slice]) -> Markup:
    compared, sure = any(one.before is not None for one in found), any(one.interval for one in found)
    head = ["slice", "rows", "this model", *(["interval"] if sure else []), *(["served model"] if compared else [])]
    rows = [
        [
            one.name,
            f"{one.rows:,.0f}",
            f"{one.value:.4f}",
            *([f"{one.interval.low:.4f} to {one.interval.high:.4f}" if one.interval else ""] if sure else []),
            *(["" if one.before is None else f"{one.before:.4f}"] if compared else []),
            f"{one.gap:+.4f}",
            f"{one.damage:+.1f}",
        ]
        for one in found[:_LISTED]
    ]
    return table([*head, "gap to all rows", "damage"], rows, words="Slices, those that cost most first")


def _spec(run: ReportedRun, found: list[Slice]) -> dict[str, Any]:
    metric = PRIMARY[run.config.label.task]
    names = {"this model": CANDIDATE, **({"served model": BASELINE} if any(one.before for one in found) else {})}
    values = [
        {
            "slice": f"{one.name} ({one.rows:,.0f})",
            "series": series,
            "value": value,
            "low": one.interval.low if one.interval and series == "this model" else None,
            "high": one.interval.high if one.interval and series == "this model" else None,
            "damage": one.damage,
        }
        for one in found
        for series, value in (("this model", one.value), ("served model", one.before))
        if value is not None
    ]
    y = axis("slice", "", kind="nominal", sort=None, axis={"labelLimit": 160})
    x = axis("value", metric.replace("_", " "), scale={"zero": False})
    tip = [
        {"field": "slice"},
        {"field": "series"},
        *({"field": name, "format": ".4f"} for name in ("value", "low", "high")),
        {"field": "damage", "format": "+.1f"},
    ]
    overall = run.metrics[0][ALL_EXAMPLES][metric]
    intervals = {"mark": {"type": "rule"}, "encoding": {"x": axis("low", ""), "x2": {"field": "high"}}}
    return {
        "layer": [
            {
                "data": {"values": [{"all": overall}]},
                "mark": {"type": "rule", "strokeDash": [4, 3]},
                "encoding": {"x": axis("all", "")},
            },
            {
                "data": {"values": values},
                "encoding": {"y": y, "color": colored(names)},
                "layer": [
                    # Vega warns of a scale without any number.
                    *([intervals] if any(one["low"] is not None for one in values) else ()),
                    {
                        "mark": {"type": "point", "size": 55, "filled": True, "opacity": 1},
                        "encoding": {
                            "x": x,
                            "shape": {
                                "field": "series",
                                "scale": {"domain": list(names), "range": ["circle", "diamond"][: len(names)]},
                                "title": None,
                            },
                            "tooltip": tip,
                        },
                    },
                ],
            },
        ]
    }
