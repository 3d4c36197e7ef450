"""The inputs: how far each column lies from the training data, by window, and what it looks like now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from components.gates.data.label_check import Statistics
from pipeline.report.data.columns import bins, shares, top
from pipeline.report.html.plots import BAD, BASELINE, CANDIDATE, axis, colored, key, plot, table
from pipeline.report.html.templates import render
from pipeline.watch.document import Look
from pipeline.watch.judging.windows import Moved, Window
from pipeline.watch.page.volume import point, time_axis, when

REQUESTS, TRAINED = "requests", "training data"
COLORS = {REQUESTS: CANDIDATE, TRAINED: BASELINE}
_DRAWN = 30
_TOP = 8
_TEMPLATE = """\
<p class="note">{{ order }}</p>
{{ key }}
<div class="columns">
{% for column, fact, by_window, values in drawn %}
<article>
<h3>{{ column.name }}</h3>
<p>{{ fact }}</p>
{{ by_window }}
{{ values }}
</article>
{% endfor %}
</div>
{{ listed }}
{{ unknown }}
"""


def body(look: Look) -> Markup:
    """The section's HTML; empty without a window that can be compared."""
    window = look.judged or next((one for one in reversed(look.windows) if one.columns), None)
    if window is None or not window.columns:
        return Markup()
    unit = look.config.watch.window
    first = sorted(window.columns, key=lambda column: -_unusual(look, column))[:_DRAWN]
    order = f"{len(window.columns):,} columns" + (
        f", of which {_DRAWN} are drawn" if len(window.columns) > _DRAWN else ""
    )
    return render(
        _TEMPLATE,
        order=f"{order}, the farthest first. Above: distance from the training data by {unit}, with the limits. "
        f"Below: shares of rows on {when(window.start, unit)}.",
        key=key(COLORS),
        drawn=[(one, _fact(look, window, one), _by_window(look, one), _values(window, one)) for one in first],
        listed=_table(look, window),
        unknown=_unknown(window),
    )


def limits_of(look: Look, column: Moved) -> list[float]:
    """Those of its distance."""
    given = look.config.watch.numbers if column.numeric else look.config.watch.categories
    return [limit for limit in (given.retrain, given.alarm) if limit is not None]


def drawn_values(sides: dict[str, Statistics], *, words: str) -> Markup:
    """What two columns look like, as shares of rows; nothing where they cannot be drawn."""
    numeric = all(side.HasField("num_stats") for side in sides.values())
    values = _numbers(sides) if numeric else _texts(sides)
    if not values:
        return Markup("")
    encoding = {"color": colored(COLORS, legend=False)}
    if numeric:
        # With prefixes, 0.2 would be 200m.
        form = "~s" if max(abs(value["from"]) for value in values) >= 1000 else "~g"
        spec: dict[str, Any] = {
            "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 1.5},
            "encoding": {
                "x": axis("from", "", axis={"tickCount": 4, "format": form}, scale={"nice": False, "zero": False}),
                "y": axis("share", "", axis={"format": "~%", "tickCount": 3}),
                **encoding,
            },
        }
        return plot({"data": {"values": values}, **spec}, words=words, height=90, caption=False)
    spec = {
        "mark": {"type": "bar"},
        "encoding": {
            "y": axis("value", "", kind="nominal", sort=None, axis={"labelLimit": 90}),
            "yOffset": {"field": "series", "scale": {"domain": list(COLORS)}},
            "x": axis("share", "", axis={"format": "~%", "tickCount": 3}),
            **encoding,
        },
    }
    height = 14 * len({value["value"] for value in values}) + 20
    return plot({"data": {"values": values}, **spec}, words=words, height=max(height, 60), caption=False)


def over_time(look: Look, values: Sequence[dict[str, Any]], limits: Sequence[float], *, words: str) -> Markup:
    """A distance by window, with its limits as lines.

    Args:
        look: for the windows' length.
        values: ``start`` and ``distance`` of each window.
        limits: those that are set.
        words: what it shows.
    """
    layers: list[dict[str, Any]] = [
        {
            "data": {"values": list(values)},
            "mark": {"type": "line", "point": True, "color": CANDIDATE},
            "encoding": {
                "x": time_axis(look.config.watch.window),
                "y": axis("distance", "", axis={"tickCount": 3}, scale={"zero": True}),
                "tooltip": [
                    {"field": "window"},
                    {"field": "distance", "format": ".3f"},
                ],
            },
        },
        {
            "data": {"values": [{"limit": limit} for limit in limits]},
            "mark": {"type": "rule", "color": BAD, "strokeDash": [4, 3]},
            "encoding": {"y": axis("limit", ""), "tooltip": [{"field": "limit"}]},
        },
    ]
    return plot({"layer": layers}, words=words, height=80, caption=False)


def _unusual(look: Look, column: Moved) -> float:
    limits = limits_of(look, column) or [1.0]
    far = column.skew.value / limits[0] if column.skew else 0.0
    return far + column.missing_moved.value + (column.unseen or 0.0)


def _fact(look: Look, window: Window, column: Moved) -> Markup:
    if column.skew is None:
        return Markup('<span class="bad">no value in any request</span>')
    beyond = any(one.column == column.name for one in look.verdict.findings)
    moving = window.reference is not None and column.name in window.reference.moving
    words = f"{column.skew.value:.3f} from training ({column.skew.words})" + (", not judged" if moving else "")
    parts = [words, *([f"missing in {column.missing:.1%}"] if column.missing >= 0.0005 else [])]
    parts += [f"{column.unseen:.1%} never seen"] if column.unseen and column.unseen >= 0.0005 else []
    return Markup('<span class="{}">{}</span>').format("bad" if beyond else "", "; ".join(parts))


def _by_window(look: Look, column: Moved) -> Markup:
    values = [
        {**point(window, look.config.watch.window), "distance": one.skew.value}
        for window in look.windows
        for one in window.columns
        if one.name == column.name and one.skew
    ]
    return over_time(look, values, limits_of(look, column), words=f"Distance of {column.name} from the training data")


def _values(window: Window, column: Moved) -> Markup:
    if column.name not in window.features or window.reference is None:
        return Markup("")
    sides = {REQUESTS: window.features[column.name], TRAINED: window.reference.features[column.name]}
    return drawn_values(sides, words=f"{column.name} in the requests and in the training data")


def _numbers(sides: dict[str, Statistics]) -> list[dict[str, Any]]:
    edges = bins(sides.values())
    return [
        {"series": side, "from": low, "share": share}
        for side, feature in sides.items()
        for low, share in zip(edges, shares(feature, edges), strict=False)
    ]


def _texts(sides: dict[str, Statistics]) -> list[dict[str, Any]]:
    names = dict.fromkeys([*top(sides[TRAINED], _TOP), *top(sides[REQUESTS], 3)])
    return [
        {"series": side, "value": value[:40] or "(empty)", "share": top(feature, 1000).get(value, 0.0)}
        for side, feature in sides.items()
        for value in names
    ]


def _table(look: Look, window: Window) -> Markup:
    rows = [
        (
            column.name,
            "number" if column.numeric else "text",
            f"{column.skew.value:.3f}" if column.skew else "",
            f"{column.drift.value:.3f}" if column.drift else "",
            " / ".join(f"{limit:g}" for limit in limits_of(look, column)),
            f"{column.missing:.1%}",
            f"{column.unseen:.1%}" if column.unseen is not None else "",
        )
        for column in window.columns
    ]
    head = ("column", "type", "from training", "from the window before", "limits", "missing", "never seen")
    return table(head, rows, words="All columns that the model reads", left=(0, 1))


def _unknown(window: Window) -> Markup:
    found = window.scan.unknown
    if not found:
        return Markup("")
    rows = [(name, f"{count:,}", f"{count / window.kept:.1%}") for name, count in sorted(found.items())[:50]]
    return Markup("<h3>Columns that the data do not have</h3>{}").format(
        table(("column", "rows", "share"), rows, words="Columns that the data do not have")
    )
