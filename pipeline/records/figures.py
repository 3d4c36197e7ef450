"""The figures of a run: metrics of both models, and rows by split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.gates import metrics_file
from pipeline.config.gates.metrics import SHOWN
from pipeline.records.runs import Outputs
from trainer.parameters import Task

Metrics = Mapping[str, float]


def metrics(outputs: Outputs) -> tuple[Metrics, Metrics]:
    """The metrics of candidate and baseline on all examples; empty if there are none.

    Args:
        outputs: the run's artifacts.
    """
    evaluation = outputs.get(("Evaluator", "evaluation"))
    if evaluation is None:
        return {}, {}
    found = metrics_file.read(evaluation.uri)
    return found[metrics_file.CANDIDATE].get("", {}), found[metrics_file.BASELINE].get("", {})


def rows(outputs: Outputs) -> dict[str, int]:
    """Rows by split; empty if the run made no statistics, or they are gone."""
    statistics = outputs.get(("StatisticsGen", "statistics"))
    return {split: int(data.num_examples) for split, data in datasets(statistics.uri).items()} if statistics else {}


def datasets(statistics_uri: str) -> dict[str, statistics_pb2.DatasetFeatureStatistics]:
    """The statistics by split.

    Args:
        statistics_uri: folder of an ExampleStatistics artifact.
    """
    found = {}
    for path in sorted(Path(statistics_uri).glob("Split-*/FeatureStats.pb")):
        every = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes()).datasets
        if every:
            found[path.parent.name.removeprefix("Split-")] = every[0]
    return found


def in_words(figures: Metrics, task: Task) -> str:
    """The metrics that summaries show, such as ``auc 0.9468  accuracy 0.8900``."""
    return "  ".join(f"{name} {figures[name]:.4f}" for name in SHOWN[task] if name in figures)


def rows_in_words(counts: Mapping[str, int]) -> str:
    """The rows, such as ``15,002 rows (5,091 eval, 9,911 train)``."""
    splits = ", ".join(f"{count:,} {split}" for split, count in counts.items())
    return f"{sum(counts.values()):,} rows ({splits})" if counts else ""
