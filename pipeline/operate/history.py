"""``python -m pipeline history``: one row per run, with its result, metrics and rows."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from components.messages import one_line
from pipeline.config.config import Config
from pipeline.config.gates.metrics import SHOWN
from pipeline.records import printing
from pipeline.records.history import Row, rows
from pipeline.records.runs import records_of
from trainer.parameters import Task

_LIMIT = 20
_REASON = 160


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument(
        "--limit", type=printing.count, default=_LIMIT, metavar="N", help="newest runs (default: %(default)s)"
    )
    printing.add_json(parser)


def run(config: Config, options: argparse.Namespace) -> int:
    """Print the history; returns 0.

    Raises:
        ConfigError: ML Metadata cannot be read.
    """
    records = records_of(config)
    found = rows(records, options.limit) if records else []
    if options.json:
        printing.print_json([_document(row) for row in found])
    elif records:
        print("\n".join(lines(config, found, count=len(records.contexts))))
    else:
        print(f"{config.name}: no run yet in {config.run_folder}")
    return 0


def lines(config: Config, found: Sequence[Row], *, count: int) -> Iterator[str]:
    """The history as a table, the newest run first."""
    yield f"{config.name}: the last {len(found)} of {count} runs"
    task = config.label.task
    head = ("run", "started", "time", "rows", *SHOWN[task], "result")
    yield from printing.columns([head, *(_cells(row, task) for row in found)])


def _cells(row: Row, task: Task) -> list[str]:
    total = sum(row.rows.values())
    because = f": {one_line(row.run.reason, limit=_REASON)}" if row.run.reason else ""
    return [
        str(row.run.number),
        printing.when(row.run.started),
        printing.took(row.run.seconds),
        f"{total:,}" if total else "",
        *(_metric(row, name) for name in SHOWN[task]),
        f"{row.run.words}{because}",
    ]


def _metric(row: Row, name: str) -> str:
    """The candidate's value, and in brackets the baseline's."""
    if name not in row.candidate:
        return ""
    before = f" ({row.baseline[name]:.4f})" if name in row.baseline else ""
    return f"{row.candidate[name]:.4f}{before}"


def _document(row: Row) -> dict[str, object]:
    record = {name: value for name, value in asdict(row.run).items() if name != "nodes"}
    return {**record, "rows": row.rows, "metrics": {"candidate": row.candidate, "baseline": row.baseline}}
