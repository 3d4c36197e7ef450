"""The short, aligned summary at the end of a run."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from components.gates.evaluation import ALL_EXAMPLES, EXAMPLE_COUNT
from components.gates.model.intervals import Interval
from components.gates.reference_gate import compare
from pipeline.config.config import Config
from pipeline.config.gates.metrics import METRICS, PRIMARY, SHOWN
from pipeline.report.results import Results, SliceMetrics
from pipeline.running.live.live_check import LiveAnswer, in_words
from trainer.parameters import Task

_LABEL_WIDTH = 12
_SHOWN_COLUMNS = 4


def lines(
    config: Config,
    results: Results,
    answers: Sequence[LiveAnswer],
    *,
    seconds: float,
    log_file: Path,
    page: Path | None = None,
) -> Iterator[str]:
    """The summary, line by line.

    Args:
        config: the pipeline.
        results: the run's results.
        answers: the served model's answers about real rows.
        seconds: wall time of the run.
        log_file: the run's log.
        page: the run's report; None if it could not be written.
    """
    rows = ", ".join(f"{count:,} {split}" for split, count in results.rows.items())
    yield _line("data", f"{sum(results.rows.values()):,} rows ({rows}); {_anomalies(results.anomalies)}")
    if results.left_out:
        yield _line("left out", results.left_out)
    for notice in results.notices:
        yield _line("notice", notice)
    task = config.label.task
    yield _line("model", _metrics(results, ALL_EXAMPLES, task) + "  on all eval examples")
    worst = next(iter(worst_first(results.candidate, task, min_size=config.gates.evaluation.min_slice_size)), None)
    if worst:
        count = results.candidate[worst][EXAMPLE_COUNT]
        yield _line("worst slice", f"{_metrics(results, worst, task)}  where {worst} ({count:,.0f} examples)")
    yield _line("blessed", _comparison(results, task))
    for notice in results.model_notices:
        yield _line("notice", notice)
    if results.reference:
        yield _line("reference", reference_words(config, results))
    for label, text in results.notes:
        yield _line(label, text)
    yield _line("pushed", _push(results))
    for answer in answers:
        yield _line("gRPC", _answer(answer, config))
    yield _line("time", f"{seconds:.1f} s")
    yield ""
    yield from _paths(config, results, log_file, page)


def worst_first(table: Mapping[str, SliceMetrics], task: Task, *, min_size: int) -> list[str]:
    """The slices that are large enough to have limits, the worst by the task's primary metric first.

    One of which the metric has no value is left out.
    """
    metric = PRIMARY[task]
    values = {
        name: metrics[metric]
        for name, metrics in table.items()
        if name != ALL_EXAMPLES and metrics[EXAMPLE_COUNT] >= min_size and not math.isnan(metrics[metric])
    }
    return sorted(values, key=values.__getitem__, reverse=not METRICS[task][metric].higher_is_better)


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL_WIDTH}}{text}"


def _anomalies(anomalies: Sequence[str]) -> str:
    if not anomalies:
        return "no anomalies"
    return f"{len(anomalies)} anomalies, all allowed: {anomalies[0]}"


def _metrics(results: Results, name: str, task: Task) -> str:
    row, intervals = results.candidate[name], results.intervals.get(name, {})
    return "  ".join(f"{metric} {row[metric]:.4f}{_between(intervals.get(metric))}" for metric in SHOWN[task])


def _between(interval: Interval | None, *, signed: bool = False) -> str:
    if interval is None:
        return ""
    form = "+.4f" if signed else ".4f"
    return f" ({interval.low:{form}} to {interval.high:{form}})"


def _comparison(results: Results, task: Task) -> str:
    if not results.baseline:
        return "there was no other model to compare with" + (": the first run" if results.newly_pushed else "")
    now, before = results.candidate[ALL_EXAMPLES], results.baseline[ALL_EXAMPLES]
    changes = results.changes.get(ALL_EXAMPLES, {})
    return "  ".join(
        f"{name} {now[name]:.4f} against {before[name]:.4f}{_between(changes.get(name), signed=True)}"
        for name in SHOWN[task]
    )


def reference_words(config: Config, results: Results) -> str:
    """What boosted trees reach, and how the model's error compares with theirs."""
    figures = "  ".join(
        f"{name} {results.reference[name]:.4f}" for name in SHOWN[config.label.task] if name in results.reference
    )
    found = compare(results.candidate[ALL_EXAMPLES], results.reference)
    if found is None:
        return f"{figures}  by boosted trees on the same rows"
    ratio = found[3]
    warning = " (!)" if ratio > 1 + config.gates.evaluation.reference_warn else ""
    return f"{figures}  by boosted trees on the same rows; the model's error is {ratio:.2f} of theirs{warning}"


def _push(results: Results) -> str:
    return f"version {results.version}" + ("" if results.newly_pushed else " (the same model was served already)")


def _answer(answer: LiveAnswer, config: Config) -> str:
    names = list(
        dict.fromkeys([*config.gates.evaluation.slice_columns(), *(config.features.names() if config.features else ())])
    )
    row = ", ".join(f"{name} {in_words(answer.row[name])}" for name in names[:_SHOWN_COLUMNS] if name in answer.row)
    said = "  ".join(f"{what} {value}" for what, value in answer.said.items())
    return f"{said}  truth {answer.truth}" + (f"  ({row})" if row else "")


def _paths(config: Config, results: Results, log_file: Path, page: Path | None) -> Iterator[str]:
    python = short(Path(sys.executable))
    serving = f"--model_name {config.serving.model_name} --model_base_path {short(config.serving_folder)}"
    if page:
        yield _line("report", short(page))
    yield _line("serve", f"{python} -m serving.server {serving}")
    yield _line("training", f"{python} -m tensorboard.main --logdir {short(Path(results.model_run_uri))}")
    yield _line("log", short(log_file))


def short(path: Path) -> str:
    """The path relative to the working directory if it is below it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
