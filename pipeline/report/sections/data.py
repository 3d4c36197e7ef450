"""The data: rows, anomalies, and each column in train, in eval and in the data of the served model."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from components.example_gen.rows.counts import RowCounts
from components.example_gen.shards import read_records
from components.gates.data.data_gate import find_anomalies
from components.gates.findings import read_notices
from pipeline.records import figures
from pipeline.report.data import labelled, sample_rows
from pipeline.report.data.columns import EVAL, SERVED, TRAIN, ComparedColumn, bins, columns, shares, top
from pipeline.report.html.plots import axis, colored, folded, key, plot, table
from pipeline.report.html.templates import render
from pipeline.report.run import ReportedRun
from trainer.parameters import Features

_COLORS = {TRAIN: "var(--candidate)", EVAL: "var(--quiet)", SERVED: "var(--served)"}
_DRAWN = 36
_LISTED = 400
_TOP = 8
_ROWS = 10
# Below that, a share is 0.0 %.
_SEEN = 0.0005
_TEMPLATE = """\
<p>{{ rows }}.{{ " Left out: " + left_out + "." if left_out }}
{% for notice in notices %}<br>Notice: {{ notice }}.{% endfor %}</p>
{% if anomalies %}
<h3>Anomalies</h3>
<ul>{% for anomaly in anomalies %}<li>{{ anomaly }}</li>{% endfor %}</ul>
{% else %}<p>No anomalies against the schema.</p>{% endif %}
<h3>Columns</h3>
<p class="note">{{ order }}{{ " Below, how the label changes with a column, in some rows of eval." if related }}</p>
{{ legend }}
{{ key }}
<div class="columns">
{% for column, facts, drawn, related in drawn %}
<article>
<h3>{{ column.name }}</h3>
{% for fact in facts %}<p>{{ fact }}</p>{% endfor %}
{{ drawn }}
{{ related }}
</article>
{% endfor %}
</div>
{{ listed }}
{{ sample }}
"""


def title(run: ReportedRun) -> str:
    """The heading."""
    del run
    return "Data"


def body(run: ReportedRun) -> Markup:
    """The section's HTML; empty before StatisticsGen."""
    if not run.statistics:
        return Markup()
    examples, gate = run.folder("ExampleGen", "examples"), run.folder("DataGate", "notices")
    counts = RowCounts.load(str(examples)) if examples else None
    found = list(columns(run.statistics, run.served_statistics, run.config.gates.data.drift))
    first = sorted(found, key=lambda column: -column.unusual)[:_DRAWN]
    related, label = labelled.relations(run, [column.name for column in first]), run.config.label
    order = f"{len(found):,} columns" + (f", of which {_DRAWN} are drawn" if len(found) > _DRAWN else "")
    return render(
        _TEMPLATE,
        rows=figures.rows_in_words(figures.rows(run.outputs)),
        left_out=counts.left_out() if counts else "",
        notices=read_notices(str(gate)) if gate else (),
        anomalies=_anomalies(run),
        order=f"{order}, those that changed most first. Bars are shares of rows; numbers are drawn from deciles.",
        key=key({side: color for side, color in _COLORS.items() if any(side in one.sides for one in first)}),
        drawn=[
            (
                column,
                [*_facts(column), *([labelled.words(one, label)] if (one := related.get(column.name)) else [])],
                _drawn(column),
                labelled.drawn(column.name, one, label) if one else "",
            )
            for column in first
        ],
        related=bool(related),
        legend=labelled.legend(related, label),
        listed=folded("All columns as a table", _listed(found)),
        sample=folded("Some rows of eval", _sample(str(examples), run.config.features)) if examples else "",
    )


def _anomalies(run: ReportedRun) -> list[str]:
    folder = run.folder("ExampleValidator", "anomalies")
    splits = list(run.statistics)
    return find_anomalies(str(folder), splits=splits, fail_on="warning", allow=()) if folder else []


def _facts(column: ComparedColumn) -> list[Markup]:
    missing = {side: share for side, share in column.missing.items() if side in (TRAIN, SERVED)}
    texts = [", ".join(f"{share:.1%} of {side}" for side, share in missing.items() if share >= _SEEN)]
    facts = [Markup("missing in {}").format(texts[0])] if texts[0] else []
    numbers = column.sides[TRAIN].num_stats
    if column.missing[TRAIN] == 1:
        return facts
    if column.numeric:
        facts.append(
            Markup("{:.4g} to {:.4g}, median {:.4g}, mean {:.4g}").format(
                numbers.min, numbers.max, numbers.median, numbers.mean
            )
        )
    else:
        facts.append(Markup("{:,} different values").format(column.sides[TRAIN].string_stats.unique))
    if column.moved is not None:
        words = "moved beyond its limit:" if column.drifted else "moved"
        facts.append(
            Markup('<span class="{}">{} {:.3f} from the served model\'s data (limit {:g})</span>').format(
                "bad" if column.drifted else "", words, column.moved.value, column.limit
            )
        )
    return facts


def _drawn(column: ComparedColumn) -> Markup:
    values = _numbers(column) if column.numeric else _texts(column)
    if not values:
        return Markup("")
    names = {side: color for side, color in _COLORS.items() if any(value["series"] == side for value in values)}
    words = f"{column.name} in {', '.join(names)}"
    encoding = {"color": colored(names, legend=False), "tooltip": _tip(column.numeric)}
    if column.numeric:
        # As steps: bars of three sides would hide each other.
        spec: dict[str, Any] = {
            "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 1.5},
            "encoding": {
                "x": axis("from", "", axis={"tickCount": 4, "format": "~s"}, scale={"nice": False, "zero": False}),
                "y": axis("share", "", axis={"format": "~%", "tickCount": 3}),
                **encoding,
            },
        }
    else:
        spec = {
            "mark": {"type": "bar"},
            "encoding": {
                "y": axis("value", "", kind="nominal", sort=None, axis={"labelLimit": 90}),
                "yOffset": {"field": "series", "scale": {"domain": list(names)}},
                "x": axis("share", "", axis={"format": "~%", "tickCount": 3}),
                **encoding,
            },
        }
    height = 90 if column.numeric else 14 * len({value["value"] for value in values}) + 20
    return plot({"data": {"values": values}, **spec}, words=words, height=max(height, 60), caption=False)


def _numbers(column: ComparedColumn) -> list[dict[str, Any]]:
    edges = bins(column.sides.values())
    return [
        {"series": side, "from": low, "to": high, "share": share}
        for side, feature in column.sides.items()
        for low, high, share in zip(edges, edges[1:], shares(feature, edges), strict=False)
    ]


def _texts(column: ComparedColumn) -> list[dict[str, Any]]:
    names = top(column.sides[TRAIN], _TOP)
    return [
        {"series": side, "value": value[:40] or "(empty)", "share": top(feature, 1000).get(value, 0.0)}
        for side, feature in column.sides.items()
        for value in names
    ]


def _tip(numeric: bool) -> list[dict[str, str]]:
    fields = ("series", "from", "to", "share") if numeric else ("series", "value", "share")
    return [{"field": name, **({"format": ".2%"} if name == "share" else {})} for name in fields]


def _listed(found: list[ComparedColumn]) -> Markup:
    head = ("column", "type", "missing", "range or values", "train to eval", "since served", "limit")
    rows = [
        (
            column.name,
            "number" if column.numeric else "text",
            f"{column.missing[TRAIN]:.1%}",
            _range(column),
            f"{column.apart.value:.3f}" if column.apart else "",
            f"{column.moved.value:.3f}{' ✗' if column.drifted else ''}" if column.moved else "",
            f"{column.limit:g}",
        )
        for column in found[:_LISTED]
    ]
    return table(head, rows, words="All columns", left=(0, 1, 3))


def _range(column: ComparedColumn) -> str:
    feature = column.sides[TRAIN]
    if column.numeric:
        return f"{feature.num_stats.min:.4g} to {feature.num_stats.max:.4g}"
    return ", ".join(f"{value[:20]} {share:.0%}" for value, share in top(feature, 3).items())


def _sample(examples: str, features: Features | None) -> Markup:
    records = read_records(f"{examples}/Split-eval", limit=_ROWS)
    return sample_rows.shown(sample_rows.rows(records), words="Some rows of eval", features=features)
