"""A binary model: ROC, precision and recall, calibration, and the confusion matrix at any threshold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from pipeline.report.html.plots import CANDIDATE, axis, colored, plot, plots
from pipeline.report.html.templates import render
from pipeline.report.quality.bands import Band, Bands, bands
from pipeline.report.quality.models import COLORS, Scored
from pipeline.report.quality.scores import STEPS, Calibration, Counts
from trainer.parameters import Label

_POINTS = 150
_THRESHOLD = """\
<h3>At a threshold</h3>
<div data-thresholds="{{ counts }}">
<div class="threshold">
<label for="threshold">Positive above <output data-figure="threshold" for="threshold"></output></label>
<input type="range" id="threshold" min="0" max="{{ steps }}" value="{{ start }}">
</div>
<div class="scroll" role="region" tabindex="0" aria-label="Confusion matrix">
<table>
<thead><tr><td></td><th scope="col">said {{ positive }}</th><th scope="col">said {{ negative }}</th></tr></thead>
<tbody>
<tr><th scope="row" class="left">is {{ positive }}</th><td data-figure="tp"></td><td data-figure="fn"></td></tr>
<tr><th scope="row" class="left">is {{ negative }}</th><td data-figure="fp"></td><td data-figure="tn"></td></tr>
</tbody>
</table>
</div>
<dl class="facts" aria-live="polite">
<div><dt>precision</dt><dd data-figure="precision"></dd></div>
<div><dt>recall</dt><dd data-figure="recall"></dd></div>
<div><dt>accuracy</dt><dd data-figure="accuracy"></dd></div>
<div><dt>alerts per 1,000 rows</dt><dd data-figure="alerts"></dd></div>
</dl>
</div>
"""


def body(scored: Scored, label: Label, level: float | None) -> Markup:
    """The plots and the slider.

    Args:
        scored: labels and predictions.
        label: what the model predicts.
        level: of the intervals around this model's curves; None draws none.
    """
    counts = {
        name: Counts.of(scored.labels, values[:, 0], scored.weights) for name, values in scored.predictions.items()
    }
    first = next(iter(counts.values()))
    if not first.positives or not first.negatives:
        return Markup("<p>All kept rows have the same label: there are no curves.</p>")
    calibration = {
        name: Calibration.of(scored.labels, values[:, 0], scored.weights) for name, values in scored.predictions.items()
    }
    ours = next(iter(scored.predictions.values()))[:, 0]
    found = bands(scored.labels, ours, scored.weights, level=level) if level else None
    drawn = plots(
        [_roc(counts, found), _precision(counts, found), _calibration(calibration, found), _histogram(scored, label)]
    )
    return drawn + _threshold(first, label)


def _roc(counts: Mapping[str, Counts], found: Bands | None) -> Markup:
    values = [{"series": name, "false": 0.0, "true": 0.0, "score": 1.0} for name in counts] + [
        {
            "series": name,
            "false": one.false[index] / one.negatives,
            "true": one.true[index] / one.positives,
            "score": one.scores[index],
        }
        for name, one in counts.items()
        for index in one.few(_POINTS)
    ]
    areas = {
        name: float(np.trapezoid(np.append(0, one.true), np.append(0, one.false)) / one.positives / one.negatives)
        for name, one in counts.items()
    }
    words = "ROC; area " + ", ".join(f"{area:.4f} of {name}" for name, area in areas.items())
    spec = _curve(values, "false", "true", "false positive rate", "recall", counts, diagonal=True)
    if found:
        _shade(spec, found.roc, "false", "true")
    return plot(spec, words=words + _level(found))


def _precision(counts: Mapping[str, Counts], found: Bands | None) -> Markup:
    values = [
        {
            "series": name,
            "recall": one.true[index] / one.positives,
            "precision": one.true[index] / (one.true[index] + one.false[index]),
            "score": one.scores[index],
        }
        for name, one in counts.items()
        for index in one.few(_POINTS)
        # Before the first row that is found, precision is 0 of a few rows.
        if one.true[index]
    ]
    one = next(iter(counts.values()))
    words = f"Precision by recall; {one.positives / (one.positives + one.negatives):.1%} of the rows are positive"
    spec = _curve(values, "recall", "precision", "recall", "precision", counts)
    if found:
        _shade(spec, found.precision, "recall", "precision")
    return plot(spec, words=words + _level(found))


def _calibration(found: Mapping[str, Calibration], intervals: Bands | None) -> Markup:
    values = [
        {"series": name, "predicted": predicted, "observed": observed, "rows": weight}
        for name, one in found.items()
        for predicted, observed, weight in zip(one.predicted, one.observed, one.weights, strict=True)
    ]
    words = "Calibration; expected error " + ", ".join(f"{one.error:.4f} of {name}" for name, one in found.items())
    spec = _curve(
        values, "predicted", "observed", "predicted probability", "share that is positive", found, diagonal=True
    )
    spec["layer"][-1]["mark"] = {"type": "line", "point": {"size": 40, "filled": True}}
    spec["layer"][-1]["encoding"]["tooltip"] = [
        {"field": name, "format": ".4~g"} for name in ("predicted", "observed", "rows")
    ]
    if intervals:
        _shade(spec, intervals.calibration, "predicted", "observed")
    return plot(spec, words=words + _level(intervals))


def _histogram(scored: Scored, label: Label) -> Markup:
    scores = next(iter(scored.predictions.values()))[:, 0]
    names = label.class_names()
    edges = np.linspace(0, 1, 21)
    values = [
        {"series": f"is {names[kind]}", "from": low, "to": high, "rows": int(rows)}
        for kind in (0, 1)
        for low, high, rows in zip(
            edges, edges[1:], np.histogram(scores[scored.labels == kind], edges)[0], strict=False
        )
    ]
    spec = {
        "data": {"values": values},
        "mark": {"type": "bar", "opacity": 0.7},
        "encoding": {
            "x": axis("from", "predicted probability", bin={"binned": True, "step": 0.05}),
            "x2": {"field": "to"},
            "y": axis("rows", "rows", stack=None),
            "color": colored({f"is {names[0]}": "var(--quiet)", f"is {names[1]}": "var(--candidate)"}),
            "tooltip": [{"field": name} for name in ("series", "from", "to", "rows")],
        },
    }
    return plot(spec, words="Predicted probabilities by true label")


def _curve(
    values: list[dict[str, Any]],
    x: str,
    y: str,
    x_title: str,
    y_title: str,
    models: Mapping[str, object],
    *,
    diagonal: bool = False,
) -> dict[str, Any]:
    whole = {"domain": [0, 1]}
    line = {
        "data": {"values": [{x: 0, y: 0}, {x: 1, y: 1}]},
        "mark": {"type": "line", "color": "var(--quiet)", "strokeDash": [4, 3], "strokeWidth": 1},
        "encoding": {"x": axis(x, x_title), "y": axis(y, y_title)},
    }
    curve = {
        "data": {"values": values},
        "mark": {"type": "line", "strokeWidth": 1.8, "point": {"opacity": 0, "size": 60}},
        "encoding": {
            "x": axis(x, x_title, scale=whole),
            "y": axis(y, y_title, scale=whole),
            "order": {"field": x, "type": "quantitative"},
            "color": colored({name: COLORS[name] for name in models}),
            "strokeDash": {
                "field": "series",
                "scale": {"domain": list(models), "range": [[1, 0], [6, 3]][: len(models)]},
                "title": None,
            },
            "tooltip": [{"field": "series"}, *({"field": name, "format": ".4f"} for name in (x, y, "score"))],
        },
    }
    return {"layer": [line, curve] if diagonal else [curve]}


def _shade(spec: dict[str, Any], band: Band, x: str, y: str) -> None:
    """Put an interval below the curves."""
    values = [{x: at, "low": low, "high": high} for at, low, high in zip(band.at, band.low, band.high, strict=True)]
    area = {
        "data": {"values": values},
        "mark": {"type": "area", "color": CANDIDATE, "opacity": 0.22},
        "encoding": {
            "x": axis(x, spec["layer"][-1]["encoding"]["x"]["title"]),
            "y": axis("low", spec["layer"][-1]["encoding"]["y"]["title"]),
            "y2": {"field": "high"},
        },
    }
    spec["layer"].insert(0, area)


def _level(found: Bands | None) -> str:
    return f"; the band holds {found.level:.0%} of bootstrap draws of this model" if found else ""


def _threshold(counts: Counts, label: Label) -> Markup:
    pairs = [counts.above(step / STEPS) for step in range(STEPS + 1)]
    document = {
        "tp": [round(true, 2) for true, _ in pairs],
        "fp": [round(false, 2) for _, false in pairs],
        "positives": round(counts.positives, 2),
        "negatives": round(counts.negatives, 2),
    }
    given = label.threshold if isinstance(label.threshold, float) else 0.5
    negative, positive = label.class_names()
    return render(
        _THRESHOLD,
        counts=json.dumps(document),
        steps=STEPS,
        start=round(given * STEPS),
        positive=positive,
        negative=negative,
    )
