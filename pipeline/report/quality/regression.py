"""A model of numbers: predicted against true, and the errors by the size of the prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup

from pipeline.report.html.plots import axis, colored, plot, plots
from pipeline.report.quality.models import COLORS, OURS, Scored
from trainer.parameters import Label

_POINTS = 600
_PARTS = 10
_BINS = 40
# What lies beyond is left out of the axes: one outlier must not squeeze all others.
_SHOWN = (0.5, 99.5)


def body(scored: Scored, label: Label) -> Markup:
    """The plots.

    Args:
        scored: labels and predictions.
        label: what the model predicts.
    """
    del label
    if not len(scored):
        return Markup("<p>No row was kept.</p>")
    return plots([_against(scored), _by_quantile(scored), _errors(scored)])


def _against(scored: Scored) -> Markup:
    truth, said = scored.labels[:_POINTS], scored.predictions[OURS][:_POINTS, 0]
    low, high = np.percentile(np.concatenate([truth, said]), _SHOWN).tolist()
    scale = {"domain": [low, high], "clamp": True, "nice": True}
    values = [{"truth": true, "predicted": predicted} for true, predicted in zip(truth, said, strict=True)]
    ends = {"data": {"values": [{"truth": low, "predicted": low}, {"truth": high, "predicted": high}]}}
    place = {"x": axis("truth", "true", scale=scale), "y": axis("predicted", "predicted", scale=scale)}
    spec = {
        "encoding": place,
        "layer": [
            {**ends, "mark": {"type": "line", "color": "var(--quiet)", "strokeDash": [4, 3]}},
            {"data": {"values": values}, "mark": {"type": "point", "filled": True, "opacity": 0.45, "size": 22}},
        ],
    }
    return plot(spec, words=f"Predicted against true, {len(values):,} rows; on the line they are equal", height=260)


def _by_quantile(scored: Scored) -> Markup:
    """Whether small and large predictions err alike: the error's deciles in each tenth of the predictions."""
    values: list[dict[str, Any]] = []
    for model, said in scored.predictions.items():
        for part in np.array_split(np.argsort(said[:, 0], kind="stable"), _PARTS):
            if len(part):
                low, middle, high = np.percentile(said[part, 0] - scored.labels[part], (10, 50, 90)).tolist()
                values.append(
                    {
                        "series": model,
                        "predicted": float(said[part, 0].mean()),
                        "low": low,
                        "median": middle,
                        "high": high,
                    }
                )
    color = colored({name: COLORS[name] for name in scored.predictions})
    x = axis("predicted", "predicted, in tenths of the rows")
    tip = [{"field": name, "format": ".4~g"} for name in ("predicted", "low", "median", "high")]
    spec = {
        "data": {"values": values},
        "encoding": {"x": x, "color": color, "tooltip": [{"field": "series"}, *tip]},
        "layer": [
            {
                "mark": {"type": "area", "opacity": 0.2},
                "encoding": {"y": axis("low", "predicted minus true", stack=None), "y2": {"field": "high"}},
            },
            {"mark": {"type": "line", "point": True}, "encoding": {"y": axis("median", "predicted minus true")}},
        ],
    }
    return plot(spec, words="Error by size of the prediction: median, and where 80 % of the rows lie", height=260)


def _errors(scored: Scored) -> Markup:
    errors = {name: said[:, 0] - scored.labels for name, said in scored.predictions.items()}
    low, high = np.percentile(np.concatenate(list(errors.values())), _SHOWN).tolist()
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    values = [
        {"series": name, "from": start, "to": end, "rows": int(rows)}
        for name, one in errors.items()
        for start, end, rows in zip(edges, edges[1:], np.histogram(one, edges)[0], strict=False)
    ]
    spec = {
        "data": {"values": values},
        "mark": {"type": "line", "interpolate": "step-after"},
        "encoding": {
            "x": axis("from", "predicted minus true"),
            "y": axis("rows", "rows"),
            "color": colored({name: COLORS[name] for name in errors}),
            "tooltip": [{"field": name} for name in ("series", "from", "to", "rows")],
        },
    }
    return plot(spec, words="Distribution of the errors", height=260)
