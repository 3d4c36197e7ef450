"""Loss, metric, learning rate and speed by step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.report.plots import BASELINE, CANDIDATE, svg
from pipeline.report.run import ReportedRun
from trainer.models.heads import head_of
from trainer.run_fn import HISTORY


def title(run: ReportedRun) -> str:
    """The heading."""
    del run
    return "Training"


def body(run: ReportedRun) -> Markup:
    """The section's HTML."""
    return training_plot(Path(run.results.model_run_uri) / HISTORY, monitor=head_of(run.config.label).monitor)


def training_plot(history: Path, *, monitor: str) -> Markup:
    """Loss, the evaluated rows' ``monitor``, learning rate and speed by step, from the trainer's history file."""
    train, evaluations = read_history(history)
    if not train:
        return Markup("<p>The trainer wrote no history.</p>")
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    (loss, metric), (rate, speed) = figure.subplots(2, 2, sharex=True)
    _line(loss, train, "loss", label="train")
    _line(loss, evaluations, "loss", label="eval", color=BASELINE, marker="o")
    loss.set_ylabel("loss")
    loss.legend(loc="best", fontsize=8, frameon=False)
    _line(metric, evaluations, monitor, color=BASELINE, marker="o")
    metric.set_ylabel(f"{monitor.replace('_', ' ')}, eval")
    _line(rate, train, "learning_rate")
    rate.set(xlabel="step", ylabel="learning rate")
    _line(speed, train, "examples_per_second")
    speed.set(xlabel="step", ylabel="examples/s", ylim=(0, None))
    return svg(figure)


def read_history(path: Path) -> tuple[dict[int, dict[str, Any]], dict[int, dict[str, float]]]:
    """The trainer's reports and the metrics of the rows it evaluated, both by step; empty where there is no file.

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
    axes: Axes,
    points: Mapping[int, Mapping[str, float]],
    key: str,
    *,
    label: str | None = None,
    color: str = CANDIDATE,
    marker: str = ".",
) -> None:
    steps = [step for step, values in points.items() if key in values]
    axes.plot(steps, [points[step][key] for step in steps], marker=marker, markersize=4, color=color, label=label)
