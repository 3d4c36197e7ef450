"""The task's primary metric by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from components.gates.evaluation import ALL_EXAMPLES, EXAMPLE_COUNT
from pipeline.config.gates.metrics import PRIMARY
from pipeline.report.plots import BASELINE, CANDIDATE, QUIET, svg
from pipeline.report.results import Results, SliceMetrics
from pipeline.report.run import ReportedRun
from pipeline.report.summary import worst_first
from trainer.parameters import Task


def title(run: ReportedRun) -> str:
    """The heading."""
    return f"{PRIMARY[run.config.label.task].replace('_', ' ').capitalize()} by slice"


def body(run: ReportedRun) -> Markup:
    """The section's HTML."""
    size = run.config.gates.evaluation.min_slice_size
    return slices_plot(run.results, run.config.label.task, min_slice_size=size)


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
    _dots(axes, names, results.candidate, metric, label="candidate", color=CANDIDATE)
    if results.baseline:
        _dots(axes, names, results.baseline, metric, label="last blessed", color=BASELINE, filled=False)
    axes.axvline(results.candidate[ALL_EXAMPLES][metric], color=QUIET, linewidth=1, label="all examples")
    counts = [results.candidate[name][EXAMPLE_COUNT] for name in names]
    labels = [f"{name}  ({count:,.0f})" for name, count in zip(names, counts, strict=True)]
    axes.set_yticks(range(len(names)), labels, fontsize=8)
    axes.set_xlabel(f"{metric.replace('_', ' ')} (examples in brackets)")
    axes.legend(loc="best", fontsize=8, frameon=False)
    return svg(figure)


def _dots(
    axes: Axes,
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
