"""A model of several classes: confusion matrix, a table by class, and the pairs that it confuses most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from pipeline.report.html.plots import axis, plot, table
from pipeline.report.quality.models import OURS, SERVED, Scored
from trainer.parameters import Label

# Of which a matrix can be read; of more, those with the most rows.
_DRAWN = 25
_PAIRS = 10
_LISTED = 300


def body(scored: Scored, label: Label) -> Markup:
    """The matrix and both tables.

    Args:
        scored: labels and predictions.
        label: what the model predicts.
    """
    names = label.class_names()
    known = (scored.labels >= 0) & (scored.labels < len(names))
    truth, weights = scored.labels[known].astype(int), scored.weights[known]
    matrices = {
        model: _matrix(truth, values[known].argmax(axis=1), weights, len(names))
        for model, values in scored.predictions.items()
    }
    ours = matrices[OURS]
    shown = np.sort(np.argsort(-ours.sum(axis=1), kind="stable")[:_DRAWN])
    words = f"Of the rows of each class, the share that was called each class{_of(len(shown), len(names))}"
    drawn = plot(_spec(ours, names, shown), words=words, height=max(24 * len(shown), 120))
    return drawn + Markup("<h3>By class</h3>") + _classes(matrices, names) + _confused(ours, names)


def _of(shown: int, names: int) -> str:
    return f"; {shown} of {names} classes, those with the most rows" if shown < names else ""


def _matrix(truth: np.ndarray, said: np.ndarray, weights: np.ndarray, classes: int) -> np.ndarray:
    """Weight of rows by true class and by what was said."""
    matrix = np.zeros((classes, classes))
    np.add.at(matrix, (truth, said), weights)
    return matrix


def _spec(matrix: np.ndarray, names: Sequence[str], shown: np.ndarray) -> dict[str, Any]:
    totals = np.maximum(matrix.sum(axis=1, keepdims=True), 1e-12)
    values = [
        {
            "is": names[is_],
            "said": names[said],
            "rows": matrix[is_, said],
            "share": matrix[is_, said] / totals[is_, 0],
            "right": "right" if is_ == said else "wrong",
        }
        for is_ in shown
        for said in shown
        if matrix[is_, said]
    ]
    order = [names[index] for index in shown]
    color = {
        "field": "right",
        "type": "nominal",
        "title": None,
        "scale": {"domain": ["right", "wrong"], "range": ["var(--candidate)", "var(--bad)"]},
    }
    strength = {
        "field": "share",
        "type": "quantitative",
        "scale": {"domain": [0, 1], "range": [0.18, 0.75]},
        "legend": None,
    }
    place = {
        "x": axis("said", "said", kind="nominal", sort=order, scale={"domain": order}, axis={"labelAngle": 0}),
        "y": axis("is", "is", kind="nominal", sort=order, scale={"domain": order}),
    }
    return {
        "data": {"values": values},
        "encoding": place,
        "layer": [
            {
                "mark": {"type": "rect"},
                "encoding": {
                    "color": color,
                    "opacity": strength,
                    "tooltip": [
                        {"field": "is"},
                        {"field": "said"},
                        {"field": "rows"},
                        {"field": "share", "format": ".1%"},
                    ],
                },
            },
            {
                "mark": {"type": "text", "fontSize": 11, "color": "var(--text)", "tooltip": None},
                "encoding": {"text": {"field": "rows", "format": ",.0f"}},
            },
        ],
    }


def _classes(matrices: dict[str, np.ndarray], names: Sequence[str]) -> Markup:
    ours, served = matrices[OURS], matrices.get(SERVED)
    head = ["class", "rows", "precision", "recall", *(["recall of the served model"] if served is not None else [])]
    recalls = _share(np.diag(ours), ours.sum(axis=1))
    precisions = _share(np.diag(ours), ours.sum(axis=0))
    before = _share(np.diag(served), served.sum(axis=1)) if served is not None else []
    order = np.argsort(np.nan_to_num(recalls, nan=2.0), kind="stable")[:_LISTED]
    rows = [
        [
            names[index],
            f"{ours[index].sum():,.0f}",
            _figure(float(precisions[index])),
            _figure(float(recalls[index])),
            *([_figure(float(before[index]))] if served is not None else []),
        ]
        for index in order
    ]
    return table(head, rows, words="Classes, the worst recall first")


def _confused(matrix: np.ndarray, names: Sequence[str]) -> Markup:
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    pairs = [divmod(int(index), len(names)) for index in order if wrong.flat[index] > 0]
    if not pairs:
        return Markup("<p>It confuses no classes on these rows.</p>")
    rows = [
        (names[is_], names[said], f"{wrong[is_, said]:,.0f}", f"{wrong[is_, said] / matrix[is_].sum():.1%}")
        for is_, said in pairs
    ]
    words = "Pairs of classes that are confused most"
    return Markup("<h3>Most confused</h3>") + table(
        ("is", "said", "rows", "share of the class"), rows, words=words, left=(0, 1)
    )


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


def _figure(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.3f}"
