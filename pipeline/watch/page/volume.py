"""How many requests there were, who answered them, and how long that took."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from pipeline.report.html.plots import BASELINE, CANDIDATE, QUIET, axis, plot, plots, table
from pipeline.watch.document import Look
from pipeline.watch.judging.windows import Window

_LISTED = 100
_COLORS = [CANDIDATE, BASELINE, QUIET]


def body(look: Look) -> Markup:
    """The section's HTML; empty without requests."""
    if not look.windows:
        return Markup()
    unit = look.config.watch.window
    drawn = [_rows(look, unit)]
    if any(window.latency for window in look.windows):
        drawn.append(_latency(look, unit))
    return Markup("{}{}").format(plots(drawn), _table(look, unit))


def when(start: int, unit: str) -> str:
    """A window in words."""
    time = datetime.fromtimestamp(start, UTC)
    return f"{time:%Y-%m-%d}" if unit == "day" else f"{time:%Y-%m-%d %H:%M}"


def time_axis(unit: str, **options: Any) -> dict[str, Any]:
    """The axis of all plots by window."""
    form = "%b %d" if unit == "day" else "%b %d %H:%M"
    spread = {"labelAngle": 0, "labelOverlap": True, "format": form, "title": None, "tickCount": 6}
    return {"field": "start", "type": "temporal", "scale": {"type": "utc"}, "axis": spread, **options}


def point(window: Window, unit: str) -> dict[str, Any]:
    """Where a window is on the axis, and what its tooltip says of it: browsers show times as their own."""
    return {"start": window.start * 1000, "window": when(window.start, unit)}


def _rows(look: Look, unit: str) -> Markup:
    values = [
        {**point(window, unit), "rows": rows, "version": str(version) if version else "not named"}
        for window in look.windows
        for version, rows in window.versions.items()
    ]
    spec = {
        "data": {"values": values},
        "mark": {"type": "bar", "width": {"band": 0.8}},
        "encoding": {
            "x": time_axis(unit, timeUnit="utcyearmonthdate" if unit == "day" else "utcyearmonthdatehours"),
            "y": axis("rows", "rows"),
            "color": _colored("version", "version"),
            "tooltip": [
                {"field": "window"},
                {"field": "version"},
                {"field": "rows", "format": ","},
            ],
        },
    }
    return plot(spec, words=f"Logged rows by {unit} and version")


def _latency(look: Look, unit: str) -> Markup:
    values = [
        {**point(window, unit), "milliseconds": value, "series": name}
        for window in look.windows
        if window.latency
        for name, value in (("median", window.latency.median), ("99th percentile", window.latency.high))
    ]
    spec = {
        "data": {"values": values},
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": time_axis(unit),
            "y": axis("milliseconds", "ms"),
            "color": _colored("series", None),
            "tooltip": [{"field": "window"}, {"field": "series"}, {"field": "milliseconds", "format": ".2f"}],
        },
    }
    return plot(spec, words="How long answers took, by the servers' own metrics")


def _colored(field: str, title: str | None) -> dict[str, Any]:
    return {
        "field": field,
        "type": "nominal",
        "title": title,
        "sort": None,
        "scale": {"range": _COLORS},
        "legend": {"orient": "top"},
    }


def _table(look: Look, unit: str) -> Markup:
    timed = any(window.latency for window in look.windows)
    head = [unit, "requests", "stand for", "rows", "broken", "unknown columns", "no time", "versions"]
    rows = [
        [
            when(window.start, unit) + ("" if window.over else " (not over)"),
            f"{window.records:,}",
            f"{window.asked:,.0f}",
            f"{window.rows:,}",
            f"{window.broken + window.scan.mistyped:,}",
            f"{window.scan.strangers:,}",
            f"{window.undated:,}",
            ", ".join(f"{version or 'not named'}: {count:,}" for version, count in window.versions.items()),
            *([_took(window)] if timed else []),
        ]
        for window in reversed(look.windows[-_LISTED:])
    ]
    return table([*head, *(["median, 99 %"] if timed else [])], rows, words="Requests by window", left=(0, 7))


def _took(window: Window) -> str:
    return f"{window.latency.median:.1f}, {window.latency.high:.1f} ms" if window.latency else ""
