"""Rows with their labels, and each column's relation to the label as a plot."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from components.example_gen.shards import read_records
from pipeline.report.data import sample_rows
from pipeline.report.data.relation import Relation, relation
from pipeline.report.html.plots import BASELINE, CANDIDATE, QUIET, axis, key, plot
from pipeline.report.run import ReportedRun
from trainer.labels.config import Label

_ROWS = 2_000
_SHADES = (CANDIDATE, BASELINE, "var(--good)", "var(--bad)")
_OTHERS = "others"


def relations(run: ReportedRun, columns: Collection[str]) -> dict[str, Relation]:
    """The relation of each column to the label, over some rows of eval; without those that make the label.

    Args:
        run: after ExampleGen.
        columns: those to look at.
    """
    found = run.rows.records if run.rows else ()
    records = [record for record in found if record is not None][:_ROWS]
    folder = run.folder("ExampleGen", "examples")
    if not records and folder:
        records = read_records(f"{folder}/Split-eval", limit=_ROWS)
    rows = sample_rows.rows(records)
    label = run.config.label
    labels = np.array([_label_of(row, label) for row in rows], np.float64)
    known = np.isfinite(labels) & (labels >= 0 if label.task == "multiclass" else True)
    if known.sum() < 2:
        return {}
    rows = [row for row, has in zip(rows, known, strict=True) if has]
    targets = labels[known][:, None]
    if label.task == "multiclass":
        targets = (targets == np.arange(len(label.class_names()))).astype(np.float64)
    made_of = {*label.columns, run.config.example_weight}
    pairs = ((name, relation([row.get(name) for row in rows], targets)) for name in columns if name not in made_of)
    return {name: one for name, one in pairs if one is not None}


def words(found: Relation, label: Label) -> str:
    """The strength of a relation."""
    what = f"{label.column}" if label.task == "regression" else "the label"
    return f"explains {found.explained:.1%} of {what}"


def drawn(name: str, found: Relation, label: Label) -> Markup:
    """The label by bins of a column."""
    if label.task == "multiclass":
        return _classes(name, found, label)
    rate = label.task == "binary"
    what = f"share of {label.class_names()[1]}" if rate and label.values else "share that is positive"
    what = what if rate else f"mean of {label.column}"
    values = [{"value": one.words, "mean": one.means[0], "rows": one.rows} for one in found.bins]
    encoding: dict[str, Any] = {
        "y": axis("value", "", kind="nominal", sort=None, axis={"labelLimit": 110}),
        "x": axis("mean", what, axis={"tickCount": 3, **({"format": "~%"} if rate else {"format": "~s"})}),
        "tooltip": [
            {"field": "value"},
            {"field": "mean", "title": what, "format": ".1%" if rate else ".4~g"},
            {"field": "rows"},
        ],
    }
    # A dot and the line to it: of a mean, 0 may be far off.
    mark = {"type": "bar", "color": CANDIDATE, "height": 3} if rate else {"type": "point", "filled": True, "size": 60}
    layers = [{"mark": mark, "encoding": encoding}]
    if rate:
        layers.append({"mark": {"type": "point", "filled": True, "size": 45, "color": CANDIDATE}, "encoding": encoding})
    else:
        encoding["x"]["scale"] = {"zero": False}
        mark["color"] = CANDIDATE
    return plot(
        {"data": {"values": values}, "layer": layers},
        words=f"{what} by {name}",
        height=14 * len(values) + 20,
        caption=False,
    )


def legend(found: Mapping[str, Relation], label: Label) -> Markup | str:
    """The colours of the classes, the same in all plots; empty where there are none."""
    if label.task != "multiclass" or not found:
        return ""
    return key(_colors(next(iter(found.values())), label))


def _colors(found: Relation, label: Label) -> dict[str, str]:
    """The most frequent classes; every column has the same rows."""
    names = label.class_names()
    rows = np.array([one.rows for one in found.bins])
    shares = np.array([one.means for one in found.bins])
    frequent = sorted(np.argsort(-(rows @ shares), kind="stable")[: len(_SHADES)].tolist())
    colors = {names[place]: shade for place, shade in zip(frequent, _SHADES, strict=False)}
    return colors | ({_OTHERS: QUIET} if len(names) > len(colors) else {})


def _classes(name: str, found: Relation, label: Label) -> Markup:
    """The shares of the most frequent classes as stacked bars."""
    colors, names = _colors(found, label), label.class_names()
    shares = np.array([one.means for one in found.bins])
    series = {kind: shares[:, names.index(kind)] for kind in colors if kind != _OTHERS}
    if _OTHERS in colors:
        series[_OTHERS] = 1 - np.sum(list(series.values()), axis=0)
    values = [
        {"value": one.words, "class": kind, "share": float(share[place]), "rows": one.rows, "rank": rank}
        for place, one in enumerate(found.bins)
        for rank, (kind, share) in enumerate(series.items())
    ]
    scale = {"domain": list(colors), "range": list(colors.values())}
    spec = {
        "data": {"values": values},
        "mark": {"type": "bar"},
        "encoding": {
            "y": axis("value", "", kind="nominal", sort=None, axis={"labelLimit": 110}),
            "x": axis("share", "share of the classes", axis={"tickCount": 3, "format": "~%"}, stack="normalize"),
            "color": {"field": "class", "type": "nominal", "legend": None, "scale": scale},
            "order": {"field": "rank", "type": "quantitative"},
            "tooltip": [{"field": "value"}, {"field": "class"}, {"field": "share", "format": ".1%"}, {"field": "rows"}],
        },
    }
    return plot(spec, words=f"Classes by {name}", height=14 * len(found.bins) + 20, caption=False)


def _label_of(row: Mapping[str, object], label: Label) -> float:
    try:
        return label.of(row)
    except (TypeError, ValueError):
        # A row that ExampleGen would have refused: it is the gates' to say so.
        return float("nan")
