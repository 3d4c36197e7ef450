"""The model card: what people wrote, with the figures of the run; on the page, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from components.gates.evaluation import ALL_EXAMPLES, EXAMPLE_COUNT
from pipeline.config.gates.evaluation import MetricLimit
from pipeline.records import figures
from pipeline.report import index
from pipeline.report.run import ReportedRun

_WRITTEN = {"purpose": "Purpose", "data": "Data", "limits": "Known limits", "owner": "Owner"}


def parts(run: ReportedRun) -> Iterator[tuple[str, str]]:
    """Headings and texts of the card, those that people wrote first."""
    given = run.config.card.model_dump()
    yield from ((heading, given[key]) for key, heading in _WRITTEN.items() if given[key])
    label = run.config.label
    yield "Predicts", f"{label.column} ({label.task})"
    if rows := figures.rows_in_words(figures.rows(run.outputs)):
        yield "Trained and judged on", rows
    metrics = run.metrics[0].get(ALL_EXAMPLES, {})
    shown = [f"{name} {value:.4f}" for name, value in metrics.items() if name != EXAMPLE_COUNT]
    if shown:
        yield "Reaches", ", ".join(shown)
    yield "Has to reach", "; ".join(_in_words(limit) for limit in run.config.gates.evaluation.thresholds)
    yield "Made by", f"run {run.record.number} of {run.config.name}, {run.record.started:%Y-%m-%d %H:%M}"
    yield "Verdict", run.record.words + (f": {run.record.reason}" if run.record.reason else "")


def write(run: ReportedRun) -> Path:
    """Write the card as Markdown beside the page, and return its path."""
    path = index.page_of(run.config, run.record).with_suffix(".md")
    sections = "\n".join(f"## {heading}\n\n{text}\n" for heading, text in parts(run))
    path.write_text(f"# {run.config.name}\n\n{sections}")
    return path


def _in_words(limit: MetricLimit) -> str:
    where = f" in each {' and '.join(limit.sliced)}" if limit.sliced else ""
    given = [
        f"{words} {value:g}"
        for words, value in (
            ("at least", limit.min),
            ("at most", limit.max),
            ("no drop of more than", limit.max_drop),
            ("no rise of more than", limit.max_rise),
        )
        if value is not None
    ]
    return f"{limit.name}{where} {', '.join(given)}"
