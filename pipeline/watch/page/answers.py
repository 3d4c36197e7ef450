"""The answers: how far the predictions lie from those at the push, and how good they were where labels are known."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from pipeline.report.html.plots import BASELINE, CANDIDATE, axis, key, plot, table
from pipeline.report.html.templates import render
from pipeline.watch.document import Look
from pipeline.watch.judging.windows import Window
from pipeline.watch.page.columns import COLORS, REQUESTS, TRAINED, drawn_values, over_time
from pipeline.watch.page.volume import point, time_axis, when

_PREDICTIONS = """\
<p>{{ fact }}</p>
{{ key }}
<div class="plots">{{ by_window }}{{ values }}</div>
"""


def predictions(look: Look) -> Markup:
    """The section's HTML; empty where nothing can be compared."""
    window = look.judged
    if window is None or window.predictions is None or window.predicted is None or window.reference is None:
        return Markup()
    before = window.reference.predicted
    limits = look.config.watch.predictions
    values = [
        {**point(one, look.config.watch.window), "distance": one.predictions.value}
        for one in look.windows
        if one.predictions is not None
    ]
    moved = window.predictions
    return render(
        _PREDICTIONS,
        fact=f"{moved.value:.3f} from the predictions on the eval split at the push ({moved.words}).",
        key=key({"requests": COLORS[REQUESTS], "eval split at the push": COLORS[TRAINED]}),
        by_window=over_time(
            look,
            values,
            [limit for limit in (limits.retrain, limits.alarm) if limit is not None],
            words="Distance of the predictions from those at the push",
        ),
        values=drawn_values(
            {REQUESTS: window.predicted, **({TRAINED: before} if before else {})},
            words="Predictions now and at the push",
        ),
    )


def quality(look: Look) -> Markup:
    """The section's HTML; says why where no label is known."""
    found = [window for window in look.windows if window.quality]
    if not found:
        if not look.config.watch.keys:
            return Markup("<p>No labels are read: watch.labels and watch.keys say where they are.</p>")
        return Markup("<p>No request has a label yet; {} labels are known.</p>").format(f"{look.labels:,}")
    return Markup("{}{}").format(_plot(look, found), _table(look, found))


def _plot(look: Look, found: list[Window]) -> Markup:
    level = look.config.watch.quality.level
    values = []
    for window in found:
        assert window.quality is not None
        low, high = window.quality.live.interval(level)
        pushed = window.quality.pushed
        values.append(
            {
                **point(window, look.config.watch.window),
                "value": window.quality.live.value,
                "low": low,
                "high": high,
                "pushed": pushed.value if pushed else None,
                "labels": window.quality.live.rows,
            }
        )
    metric = found[-1].quality.metric.replace("_", " ") if found[-1].quality else ""
    x, scale = time_axis(look.config.watch.window), {"zero": False}
    tip = [
        {"field": "window"},
        *({"field": name, "format": ".4f"} for name in ("value", "low", "high", "pushed")),
        {"field": "labels", "format": ","},
    ]
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "rule", "color": CANDIDATE, "strokeWidth": 2},
            "encoding": {"x": x, "y": axis("low", metric, scale=scale), "y2": {"field": "high"}, "tooltip": tip},
        },
        {
            "mark": {"type": "line", "point": {"size": 60, "color": CANDIDATE}, "color": CANDIDATE},
            "encoding": {"x": x, "y": axis("value", metric, scale=scale), "tooltip": tip},
        },
        {
            "mark": {"type": "line", "color": BASELINE, "strokeDash": [5, 3]},
            "encoding": {"x": x, "y": axis("pushed", metric, scale=scale), "tooltip": tip},
        },
    ]
    names = key({"live, with its interval": CANDIDATE, "at the push": BASELINE})
    words = f"Live {metric} by {look.config.watch.window}, and at the push"
    return Markup("{}{}").format(names, plot({"data": {"values": values}, "layer": layers}, words=words))


def _table(look: Look, found: list[Window]) -> Markup:
    level, unit = look.config.watch.quality.level, look.config.watch.window
    rows = []
    for window in reversed(found):
        quality = window.quality
        assert quality is not None
        low, high = quality.live.interval(level)
        rows.append(
            (
                when(window.start, unit) + ("" if window.over else " (not over)"),
                str(window.version),
                f"{quality.live.value:.4f}",
                f"{low:.4f} to {high:.4f}",
                f"{quality.pushed.value:.4f}" if quality.pushed else "",
                f"{quality.fall:+.4f}",
                f"{quality.live.rows:,}",
                f"{window.labels.contradicted:,}",
            )
        )
    head = (unit, "version", "live", f"{level:.0%} interval", "at the push", "fall", "labels", "with two values")
    return table(head, rows, words="Live quality by window", left=(0, 1))
