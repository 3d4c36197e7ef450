"""What a served version is compared with: the data that it was trained on, and what it said about its eval split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from tensorflow.python.saved_model.loader_impl import parse_saved_model
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.example_gen.rows.options import TRAIN
from components.gates.data.drift.earlier import features_of
from components.gates.data.label_check import Statistics
from components.gates.model.scored_rows import ScoredRows
from pipeline.config.config import Config
from pipeline.records import figures
from pipeline.records.runs import Outputs, Records
from pipeline.report.quality.models import OURS, Scored
from pipeline.watch.judging import scan
from pipeline.watch.judging.quality import Figure, figure, metric_of
from serving.client.steps import COLUMNAR
from trainer.labels.config import Label

# Of a kind whose values always become others.
_DATE = "date"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A version that a run has pushed.

    Attributes:
        version: its number.
        pushed: when.
        training: statistics of the train split.
        columns: the columns that it reads, in the data's order.
        moving: those of them that become others by nature.
        scored: rows of the eval split with its predictions and labels; None if the run kept none.
        label: what it predicts.
        metric: by which live quality is judged.
    """

    version: int
    pushed: datetime
    training: statistics_pb2.DatasetFeatureStatistics
    columns: tuple[str, ...]
    moving: frozenset[str]
    scored: Scored | None
    label: Label
    metric: str

    @cached_property
    def features(self) -> Mapping[str, Statistics]:
        """The statistics by column."""
        return features_of(statistics_pb2.DatasetFeatureStatisticsList(datasets=[self.training]))

    @property
    def rows(self) -> int:
        """The rows of the train split."""
        return int(self.training.num_examples)

    @cached_property
    def predicted(self) -> Statistics | None:
        """The statistics of the predictions on the eval split; None if they are not known."""
        if self.scored is None:
            return None
        return scan.of_predictions(self.scored.predictions[OURS], self.label.class_names())

    @cached_property
    def quality(self) -> Figure | None:
        """The metric on the eval split; None if its rows are not known."""
        if self.scored is None:
            return None
        return figure(self.label.task, self.metric, self.scored.labels, self.scored.predictions[OURS])


def reference_of(config: Config, records: Records | None, version: int) -> Reference | None:
    """What a version is compared with; None if no run is known that pushed it, or its statistics are gone."""
    push = records.pushes().get(version) if records else None
    run = records.maker(push) if records and push else None
    if records is None or push is None or run is None:
        return None
    outputs = records.outputs(run)
    statistics = outputs.get(("StatisticsGen", "statistics"))
    training = figures.datasets(statistics.uri).get(TRAIN) if statistics else None
    if training is None:
        return None
    names = [feature.path.step[0] for feature in training.features]
    read = _columns(config, version)
    return Reference(
        version=version,
        pushed=datetime.fromtimestamp(push.create_time_since_epoch / 1000),
        training=training,
        columns=tuple(name for name in names if read is None or name in read if name not in _not_sent(config)),
        moving=frozenset({*config.watch.ignore, *_dates(config)}),
        scored=_scored(outputs),
        label=config.label,
        metric=metric_of(config.watch.quality, config.label.task),
    )


def _columns(config: Config, version: int) -> set[str] | None:
    """What the version's columnar signature takes; without it, what the config says; None for every column."""
    folder = config.serving_folder / str(version)
    try:
        parsed: Any = parse_saved_model(str(folder))
    except OSError:
        return set(config.features.names()) if config.features else None
    found = next((graph.signature_def for graph in parsed.meta_graphs if "serve" in graph.meta_info_def.tags), {})
    if COLUMNAR in found:
        return set(found[COLUMNAR].inputs)
    return set(config.features.names()) if config.features else None


def _not_sent(config: Config) -> set[str]:
    """Columns that no request holds."""
    read = set(config.features.names()) if config.features else set()
    return {*config.label.columns, *([config.example_weight] if config.example_weight else [])} - read


def _dates(config: Config) -> set[str]:
    return set(config.features.read_as(_DATE)) if config.features else set()


def _scored(outputs: Outputs) -> Scored | None:
    evaluation = outputs.get(("Evaluator", "evaluation"))
    rows = ScoredRows.load(evaluation.uri) if evaluation and Path(evaluation.uri).is_dir() else None
    found = Scored.of(rows) if rows is not None else None
    return found if found is not None and len(found) else None
