"""What `bench.scale` measures, and in which order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The stages and their nodes in the pipeline; the first only starts a process and imports what nodes need.
NODES = {
    "start": "",
    "ingest": "ExampleGen",
    "ingest_parquet": "ExampleGen",
    "statistics": "StatisticsGen",
    "transform": "Transform",
    "evaluation": "Evaluator",
    "evaluation_slices": "Evaluator",
    "evaluation_intervals": "Evaluator",
}
# What a stage changes in the config: 313 slices instead of 32, and intervals from 20 replicates.
OVERRIDES = {
    "evaluation_slices": "gates.evaluation.slices=[trip_start_hour, [trip_start_month, trip_start_hour]]",
    "evaluation_intervals": "gates.evaluation.confidence={replicates: 20}",
}
RUNNERS = ("in_memory", "multi_processing", "portable", "flink1", "flink2", "spark")
WAYS = ("stock", "ours")
SIZES = (15_000, 150_000, 1_500_000)
# The runner of the stock template: the default of TFX's local runner.
STOCK_RUNNER = "in_memory"
# TFX has no Parquet executor that keeps zeros; slices and intervals compare our evaluation with itself.
_NOT_STOCK = ("start", "ingest_parquet", *OVERRIDES)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One measurement.

    Attributes:
        way: ``stock`` or ``ours``.
        runner: one of `RUNNERS`.
        stage: one of `NODES`.
        rows: number of input rows.
        repeat: number of the repetition, from 1.
    """

    way: str
    runner: str
    stage: str
    rows: int
    repeat: int = 1

    def __str__(self) -> str:
        repeat = f", repeat {self.repeat}" if self.repeat > 1 else ""
        return f"{self.stage}, {self.rows:,} rows, {self.way} on {self.runner}{repeat}"


def settings(
    *, sizes: Sequence[int], runners: Sequence[str], stages: Sequence[str], ways: Sequence[str], repeats: int
) -> Iterator[Setting]:
    """All settings: small sizes first, each stage after the one it reads from, ways and runners in turns."""
    for rows in sorted(sizes):
        for repeat in range(1, repeats + 1):
            for stage in NODES:
                for runner in RUNNERS:
                    for way in WAYS:
                        setting = Setting(way=way, runner=runner, stage=stage, rows=rows, repeat=repeat)
                        if way in ways and runner in runners and stage in stages and _makes_sense(setting):
                            yield setting


def _makes_sense(setting: Setting) -> bool:
    if setting.stage == "start" and setting.runner != STOCK_RUNNER:
        return False
    return setting.way == "ours" or (setting.runner == STOCK_RUNNER and setting.stage not in _NOT_STOCK)


def parse_sizes(text: str) -> tuple[int, ...]:
    """``15k,1.5M`` as whole numbers.

    Raises:
        ValueError: a size is not a number of rows.
    """
    return tuple(_size(word) for word in text.split(","))


def _size(word: str) -> int:
    units = {"k": 1_000, "M": 1_000_000}
    number, unit = (word[:-1], units[word[-1]]) if word[-1:] in units else (word, 1)
    try:
        size = float(number) * unit
    except ValueError:
        size = math.nan
    if not (size >= 1 and size.is_integer()):
        raise ValueError(f"{word!r} is not a number of rows; write 15000, 15k or 1.5M")
    return int(size)


def size_name(rows: int) -> str:
    """``1500000`` as ``1.5M``."""
    for unit, factor in (("M", 1_000_000), ("k", 1_000)):
        if rows >= factor:
            return f"{rows / factor:g}{unit}"
    return str(rows)
