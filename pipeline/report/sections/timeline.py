"""When each node ran, for how long, and why it did or did not."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from pipeline.records import printing
from pipeline.report.html.plots import axis, folded, plot, table
from pipeline.report.run import ReportedRun
from pipeline.report.verdict.changes import explained

_COLORS = {
    "done": "var(--candidate)",
    "from cache": "var(--quiet)",
    "refused": "var(--bad)",
    "failed": "var(--bad)",
    "killed": "var(--served)",
}
_ROW = 20


def title(run: ReportedRun) -> str:
    """The heading."""
    del run
    return "Timeline"


def body(run: ReportedRun) -> Markup:
    """The section's HTML."""
    nodes = run.record.nodes
    if not nodes:
        return Markup("<p>The run ended before its first node.</p>")
    reasons = explained(run)
    rows = [
        (node.node, node.state, printing.took(node.seconds), node.reason or (reasons[node.node].verdict))
        for node in nodes
    ]
    longest = max(nodes, key=lambda node: node.seconds or 0)
    words = f"Seconds since the start; {longest.node} took longest, {printing.took(longest.seconds)}"
    details = table(
        ("node", "state", "time", "why"), rows, words="Nodes in the order they ran", left=(0, 1, 3), klass="words"
    )
    drawn = plot(_spec(run), words=words, height=_ROW * len(nodes))
    return drawn + folded("As a table, with reasons", details)


def _spec(run: ReportedRun) -> dict[str, Any]:
    start = run.record.started.timestamp()
    values = [
        {
            "node": node.node,
            "state": node.state,
            "from": node.started.timestamp() - start,
            # What took no time can be seen and pointed at, too.
            "to": node.started.timestamp() - start + max(node.seconds or 0, 0.15),
            "seconds": node.seconds,
        }
        for node in run.record.nodes
    ]
    states = [state for state in _COLORS if any(value["state"] == state for value in values)]
    color = {
        "field": "state",
        "type": "nominal",
        "title": None,
        "scale": {"domain": states, "range": [_COLORS[state] for state in states]},
    }
    return {
        "data": {"values": values},
        "mark": {"type": "bar", "cornerRadius": 2},
        "encoding": {
            "y": axis("node", "", kind="nominal", sort=None),
            "x": axis("from", "seconds"),
            "x2": {"field": "to"},
            "color": color,
            "tooltip": [{"field": "node"}, {"field": "state"}, {"field": "seconds"}],
        },
    }
