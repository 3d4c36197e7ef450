"""The page that shows why a model was pushed: one self-contained HTML file with its plots inside."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import jinja2
import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

from components.metrics import ALL_EXAMPLES, EXAMPLE_COUNT
from pipeline.config import Config
from pipeline.live_check import Answer
from pipeline.results import Results, SliceMetrics
from trainer.run_fn import HISTORY

_CANDIDATE, _BASELINE = "#1769aa", "#c46a10"
_TEMPLATE = Path(__file__).with_name("report.html")


def write(config: Config, results: Results, answers: Sequence[Answer]) -> Path:
    """Write ``report/index.html`` in the run folder and return its path."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    page = environment.from_string(_TEMPLATE.read_text()).render(
        name=config.name,
        time=f"{datetime.now():%Y-%m-%d %H:%M}",
        results=results,
        answers=answers,
        metrics=[name for name in results.candidate[ALL_EXAMPLES] if name != EXAMPLE_COUNT],
        slices_plot=slices_plot(results, min_slice_size=config.gates.evaluation.min_slice_size),
        training_plot=training_plot(Path(results.model_run_uri) / HISTORY),
    )
    path = config.run_folder / "report" / "index.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page)
    return path


def slices_plot(results: Results, *, min_slice_size: int) -> Markup:
    """Accuracy of every slice that is large enough to have limits, the worst first, with all examples as a line."""
    large = {
        name: metrics
        for name, metrics in results.candidate.items()
        if name != ALL_EXAMPLES and metrics[EXAMPLE_COUNT] >= min_slice_size
    }
    if not large:
        return Markup("<p>No slices are configured.</p>")
    names = sorted(large, key=lambda name: large[name]["accuracy"], reverse=True)
    figure = Figure(figsize=(8, 0.8 + 0.24 * len(names)), layout="constrained")
    axes = figure.subplots()
    _dots(axes, names, large, label="candidate", color=_CANDIDATE)
    if results.baseline:
        _dots(axes, names, results.baseline, label="last blessed", color=_BASELINE, filled=False)
    axes.axvline(results.candidate[ALL_EXAMPLES]["accuracy"], color="#9aa7b4", linewidth=1, label="all examples")
    axes.set_yticks(range(len(names)), [f"{name}  ({large[name][EXAMPLE_COUNT]:,.0f})" for name in names], fontsize=8)
    axes.set_xlabel("accuracy (examples in brackets)")
    axes.legend(loc="lower left", fontsize=8, frameon=False)
    return _svg(figure)


def training_plot(history: Path) -> Markup:
    """Training loss by step and, after each epoch, the AUC on the eval split."""
    if not history.exists():
        return Markup("<p>The trainer wrote no history.</p>")
    reports = [json.loads(line) for line in history.read_text().splitlines()]
    losses = [report for report in reports if report["eval_auc"] is None]
    epochs = [report for report in reports if report["eval_auc"] is not None]
    figure = Figure(figsize=(8, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([report["step"] for report in losses], [report["loss"] for report in losses], ".-", color=_CANDIDATE)
    left.set(xlabel="step", ylabel="training loss")
    right.plot(
        [report["epoch"] for report in epochs], [report["eval_auc"] for report in epochs], "o-", color=_CANDIDATE
    )
    right.set(xlabel="epoch", ylabel="AUC on the eval split", xticks=[report["epoch"] for report in epochs])
    return _svg(figure)


def _dots(
    axes: matplotlib.axes.Axes,
    names: Sequence[str],
    table: Mapping[str, SliceMetrics],
    *,
    label: str,
    color: str,
    filled: bool = True,
) -> None:
    points = [(table[name]["accuracy"], row) for row, name in enumerate(names) if name in table]
    face = color if filled else "none"
    axes.scatter(*zip(*points, strict=True), s=26, facecolors=face, edgecolors=color, label=label, zorder=3)


def _svg(figure: Figure) -> Markup:
    for axes in figure.axes:
        axes.grid(color="#e3e8ed", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return Markup(text[text.index("<svg") :])
