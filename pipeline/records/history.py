"""The runs with their figures, the newest first."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.records import figures
from pipeline.records.figures import Metrics
from pipeline.records.runs import Records, RunRecord


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run with its figures.

    Attributes:
        run: the run.
        candidate: metrics of the trained model on all eval examples; empty if it was not evaluated.
        baseline: the same of the model it was compared with.
        rows: rows by split; empty before StatisticsGen.
    """

    run: RunRecord
    candidate: Metrics
    baseline: Metrics
    rows: dict[str, int]


def rows(records: Records, limit: int) -> list[Row]:
    """The newest runs, the newest first."""
    found = []
    for context in records.contexts[:limit]:
        outputs = records.outputs(context)
        candidate, baseline = figures.metrics(outputs)
        record = records.run(context)
        found.append(Row(run=record, candidate=candidate, baseline=baseline, rows=figures.rows(outputs)))
    return found
