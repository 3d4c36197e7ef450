"""The report's plots, as SVG to be put into the page."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

from components.gates.evaluation import ALL_EXAMPLES, EXAMPLE_COUNT
from pipeline.config.metrics import PRIMARY
from pipeline.report.results import Results, SliceMetrics
from pipeline.report.summary import worst_first
from trainer.parameters import Task

_CANDIDATE, _BASELINE, _QUIET = "#1769aa", "#c46a10", "#9aa7b4"


def slices_plot(results: Results, task: Task, *, min_slice_size: int) -> Markup:
    """The task's primary metric in every slice that is large enough to have limits, with all examples as a line.

    The worst slice is on top.
    """
    names = worst_first(results.candidate, task, min_size=min_slice_size)[::-1]
    if not names:
        return Markup("<p>No slices are configured.</p>")
    metric = PRIMARY[task]
    figure = Figure(figsize=(8, 0.8 + 0.24 * len(names)), layout="constrained")
    axes = figure.subplots()
    _dots(axes, names, results.candidate, metric, label="candidate", color=_CANDIDATE)
    if results.baseline:
        _dots(axes, names, results.baseline, metric, label="last blessed", color=_BASELINE, filled=False)
    axes.axvline(results.candidate[ALL_EXAMPLES][metric], color=_QUIET, linewidth=1, label="all examples")
    counts = [results.candidate[name][EXAMPLE_COUNT] for name in names]
    labels = [f"{name}  ({count:,.0f})" for name, count in zip(names, counts, strict=True)]
    axes.set_yticks(range(len(names)), labels, fontsize=8)
    axes.set_xlabel(f"{metric.replace('_', ' ')} (examples in brackets)")
    axes.legend(loc="best", fontsize=8, frameon=False)
    return _svg(figure)


def training_plot(history: Path, *, monitor: str) -> Markup:
    """Loss, the eval split's ``monitor``, learning rate and speed by step, from the trainer's history file."""
    train, evaluations = read_history(history)
    if not train:
        return Markup("<p>The trainer wrote no history.</p>")
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    (loss, metric), (rate, speed) = figure.subplots(2, 2, sharex=True)
    _line(loss, train, "loss", label="train")
    _line(loss, evaluations, "loss", label="eval", color=_BASELINE, marker="o")
    loss.set_ylabel("loss")
    loss.legend(loc="best", fontsize=8, frameon=False)
    _line(metric, evaluations, monitor, color=_BASELINE, marker="o")
    metric.set_ylabel(f"{monitor.replace('_', ' ')}, eval")
    _line(rate, train, "learning_rate")
    rate.set(xlabel="step", ylabel="learning rate")
    _line(speed, train, "examples_per_second")
    speed.set(xlabel="step", ylabel="examples/s", ylim=(0, None))
    return _svg(figure)


def read_history(path: Path) -> tuple[dict[int, dict[str, Any]], dict[int, dict[str, float]]]:
    """The trainer's reports and the eval split's metrics, both by step; empty where there is no file.

    A training that was killed and resumed reports some steps twice, the last of which counts, and may leave half a
    line behind.
    """
    train, evaluations = {}, {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            report = json.loads(line)
        except json.JSONDecodeError:
            continue
        train[report["step"]] = report
        if report["eval"] is not None:
            evaluations[report["step"]] = report["eval"]
    return dict(sorted(train.items())), dict(sorted(evaluations.items()))


def _line(
    axes: matplotlib.axes.Axes,
    points: Mapping[int, Mapping[str, float]],
    key: str,
    *,
    label: str | None = None,
    color: str = _CANDIDATE,
    marker: str = ".",
) -> None:
    steps = [step for step, values in points.items() if key in values]
    axes.plot(steps, [points[step][key] for step in steps], marker=marker, markersize=4, color=color, label=label)


def _dots(
    axes: matplotlib.axes.Axes,
    names: Sequence[str],
    table: Mapping[str, SliceMetrics],
    metric: str,
    *,
    label: str,
    color: str,
    filled: bool = True,
) -> None:
    rows = [row for row, name in enumerate(names) if name in table]
    values = [table[names[row]][metric] for row in rows]
    face = color if filled else "none"
    axes.scatter(values, rows, s=26, facecolors=face, edgecolors=color, label=label, zorder=3)


def _svg(figure: Figure) -> Markup:
    for axes in figure.axes:
        axes.grid(color="#e3e8ed", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return Markup(text[text.index("<svg") :])
