"""The short, aligned summary at the end of a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pipeline.config import Config
from pipeline.live_check import Answer
from pipeline.results import Results, SliceMetrics

_LABEL_WIDTH = 12


def lines(config: Config, results: Results, answers: Sequence[Answer], *, seconds: float) -> Iterator[str]:
    """The summary, line by line.

    Args:
        config: of the run.
        results: its figures.
        answers: what the served model said about real rows.
        seconds: the run's wall time.
    """
    rows = ", ".join(f"{count:,} {split}" for split, count in results.rows.items())
    yield _line("data", f"{sum(results.rows.values()):,} rows ({rows}); {_anomalies(results.anomalies)}")
    yield _line("model", _metrics(results.candidate[""]) + "  on all eval examples")
    worst = worst_slice(results.candidate, metric="accuracy")
    if worst:
        yield _line("worst slice", _metrics(results.candidate[worst]) + f"  where {worst}")
    yield _line("blessed", _comparison(results))
    yield _line("pushed", _push(results))
    for answer in answers:
        yield _line("gRPC", _answer(answer, config))
        
    yield _line("time", f"{seconds:.1f} s")
    yield ""
    yield from _paths(config, results)


def worst_slice(table: dict[str, SliceMetrics], *, metric: str) -> str | None:
    """The slice with the lowest value of ``metric``, all examples left aside; None without slices."""
    values = {name: row[metric] for name, row in table.items() if name and not math.isnan(row.get(metric, math.nan))}
    return min(values, key=values.get) if values else None


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL_WIDTH}}{text}"


def _anomalies(anomalies: Sequence[str]) -> str:
    if not anomalies:
        return "no anomalies"
    return f"{len(anomalies)} anomalies, all allowed: {anomalies[0]}"


def _metrics(row: SliceMetrics) -> str:
    return "  ".join(f"{name} {row[name]:.4f}" for name in ("auc", "accuracy") if name in row)


def _comparison(results: Results) -> str:
    if not results.baseline:
        return "there was no blessed model to compare with: the first run"
    return "  ".join(
        f"{name} {results.candidate[''][name]:.4f} against {results.baseline[''][name]:.4f}"
        for name in ("auc", "accuracy")
    )


def _push(results: Results) -> str:
    return f"version {results.version}" + ("" if results.newly_pushed else " (the same model was served already)")


def _answer(answer: Answer, config: Config) -> str:
    shown = [name for name in (*config.gates.evaluation.slices, *(config.features.numeric if config.features else ()))]
    row = ", ".join(f"{name} {answer.row[name]:.6g}" if isinstance(answer.row[name], float) else f"{name} {answer.row[name]}"
                    for name in shown[:4] if name in answer.row)
    return f"probability {answer.probability:.3f}  truth {int(answer.truth)}  ({row})"


def _paths(config: Config, results: Results) -> Iterator[str]:
    yield _line("report", str(config.run_folder / "report" / "index.html"))
    yield _line("serve", f"python -m serving.server --model_name {config.serving.model_name} "
                         f"--model_base_path {config.serving_folder}")
    yield _line("training", f"tensorboard --logdir {results.model_run_uri}")
    yield _line("log", str(config.run_folder / "logs"))
