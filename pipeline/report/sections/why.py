"""Why the model answers as it does: what each column is worth, how answers follow it, and the worst mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from components.gates.model.mistakes import worst
from pipeline.report.asked_model import AskedModel
from pipeline.report.data import sample_rows
from pipeline.report.html.plots import CANDIDATE, QUIET, axis, colored, folded, plot, plots, table
from pipeline.report.quality.models import OURS, Scored
from pipeline.report.run import ReportedRun
from pipeline.report.why.examples import DecodedRows, Value
from pipeline.report.why.importance import SCORES, Importance, importances, most, rows_for
from trainer.parameters import Features, Label

_DRAWN, _DEPENDENT, _MISTAKES = 20, 5, 10
_POINTS, _ASKED = 12, 100
_CLASSES = 3


def title(run: ReportedRun) -> str:
    """The heading."""
    del run
    return "Why"


def body(run: ReportedRun) -> Markup:
    """The section's HTML; empty without an evaluation or its rows."""
    if run.rows is None or not len(run.rows):
        return Markup()
    scored = Scored.of(run.rows)
    mistakes = Markup("<h3>The worst mistakes</h3>{}").format(_mistakes(scored, run.config.label, run.config.features))
    model, kept = run.model, [place for place, record in enumerate(scored.records) if record is not None]
    if model is None or not kept:
        return mistakes
    return _asked(run, model, scored, kept) + mistakes


def _asked(run: ReportedRun, model: AskedModel, scored: Scored, kept: Sequence[int]) -> Markup:
    label = run.config.label
    columns = _columns(run, [scored.records[place] for place in kept[:_ASKED]])
    places = kept[: rows_for(len(columns))]
    examples = DecodedRows([record for place in places if (record := scored.records[place]) is not None])
    labels = scored.labels[list(places)]
    found = importances(model, examples, labels, columns=columns, task=label.task)
    single = [one.column for one in found if examples.is_single(one.column)][:_DEPENDENT]
    dependent = [_dependence(model, examples, labels, column, label) for column in single]
    heading = Markup("<h3>How answers follow the strongest columns</h3>") if dependent else Markup()
    return _importance(found, len(examples), label) + heading + plots(dependent)


def _columns(run: ReportedRun, records: Sequence[bytes | None]) -> list[str]:
    """What the model reads, as far as the rows have it."""
    present = DecodedRows([record for record in records if record is not None]).columns
    label, features = run.config.label, run.config.features
    wanted = features.names() if features else [name for name in present if name not in label.columns]
    return list(most([name for name in wanted if name in present]))


def _importance(found: Sequence[Importance], rows: int, label: Label) -> Markup:
    what, _ = SCORES[label.task]
    values = [
        {"column": one.column, "loss": one.loss, "low": one.loss - one.spread, "high": one.loss + one.spread}
        for one in found[:_DRAWN]
    ]
    y = axis("column", "", kind="nominal", sort=None)
    spec = {
        "data": {"values": values},
        "encoding": {"y": y, "tooltip": [{"field": name, "format": ".4f"} for name in ("loss", "low", "high")]},
        "layer": [
            {"mark": {"type": "bar", "color": CANDIDATE, "height": 12}, "encoding": {"x": axis("loss", what)}},
            {"mark": {"type": "rule"}, "encoding": {"x": axis("low", what), "x2": {"field": "high"}}},
        ],
    }
    words = f"{what[0].upper()}{what[1:]} when a column is shuffled in {rows:,} rows; lines are the repeats' spread"
    cells = [(one.column, f"{one.loss:.4f}", f"{one.spread:.4f}") for one in found]
    listed = table(("column", what, "spread"), cells, words="What each column is worth")
    return plot(spec, words=words, height=20 * len(values)) + folded("As a table", listed)


def _dependence(model: AskedModel, examples: DecodedRows, labels: np.ndarray, column: str, label: Label) -> Markup:
    """The mean answer if all rows had the same value, and what is true of the rows that have it."""
    grid = examples.grid(column, _POINTS)
    answers = np.stack([model.answers(examples.all_with(column, value, _ASKED)).mean(axis=0) for value in grid])
    numeric = isinstance(grid[0], float)
    values: list[dict[str, Any]] = []
    shown = _outputs(labels, label)
    for output, series in shown.items():
        values += [
            {"value": at, "series": series, "mean": float(row[output])} for at, row in zip(grid, answers, strict=True)
        ]
    names = dict(zip(shown.values(), (CANDIDATE, "var(--served)", QUIET), strict=False))
    if label.task != "multiclass":
        values += _observed(examples.values(column), labels, grid)
        names["labels of such rows"] = QUIET
    mean = axis("mean", "mean", scale={"zero": False})
    if numeric:
        place = {"x": axis("value", column, scale={"zero": False}), "y": mean}
    else:
        place = {"y": axis("value", column, kind="nominal", sort=None, axis={"labelLimit": 90}), "x": mean}
    spec = {
        "data": {"values": values},
        "mark": {"type": "line", "point": True} if numeric else {"type": "point", "filled": True, "size": 60},
        "encoding": {
            **place,
            "color": colored(names),
            "tooltip": [{"field": "series"}, {"field": "value"}, {"field": "mean", "format": ".4~g"}],
        },
    }
    return plot(spec, words=f"Mean answer if all rows had the same {column}, and the labels of rows that have it")


def _outputs(labels: np.ndarray, label: Label) -> dict[int, str]:
    """Which outputs are drawn: of several classes, the most frequent ones."""
    if label.task != "multiclass":
        return {0: "answer"}
    found, counts = np.unique(labels[labels >= 0].astype(int), return_counts=True)
    frequent = found[np.argsort(-counts, kind="stable")[:_CLASSES]]
    return {int(index): label.class_names()[index] for index in frequent}


def _observed(given: Sequence[Value | None], labels: np.ndarray, grid: Sequence[Value]) -> list[dict[str, Any]]:
    """The mean label of the rows whose value is nearest to each point, or of text is the same."""
    numbers = np.array([at for at in grid if isinstance(at, float)])
    near: dict[Value, list[float]] = {}
    for value, label in zip(given, labels.tolist(), strict=True):
        if isinstance(value, float):
            near.setdefault(float(numbers[np.abs(numbers - value).argmin()]), []).append(label)
        elif value is not None:
            near.setdefault(value, []).append(label)
    return [
        {"value": at, "series": "labels of such rows", "mean": float(np.mean(near[at]))} for at in grid if at in near
    ]


def _mistakes(scored: Scored, label: Label, features: Features | None) -> Markup:
    """The rows that are farthest from the truth, the worst first."""
    said = scored.predictions[OURS]
    known = np.flatnonzero([record is not None for record in scored.records])
    places = known[worst(scored.labels[known], said[known], task=label.task, most=_MISTAKES)]
    rows = sample_rows.rows([record for place in places if (record := scored.records[place]) is not None])
    before = {"said": [_said(said[place], label) for place in places]}
    before["true"] = [_true(float(scored.labels[place]), label) for place in places]
    return sample_rows.shown(rows, words="The worst mistakes", features=features, before=before)


def _said(prediction: np.ndarray, label: Label) -> str:
    if label.task == "regression":
        return f"{prediction[0]:.4g}"
    if label.task == "binary":
        return f"{prediction[0]:.3f}"
    best = int(prediction.argmax())
    return f"{label.class_names()[best]} ({prediction[best]:.3f})"


def _true(value: float, label: Label) -> str:
    return f"{value:.4g}" if label.task == "regression" else label.class_names()[int(value)]
