"""What the sections of a run's page are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.gates.evaluation import Evaluated
from components.gates.model.intervals import Intervals, intervals_by_slice
from components.gates.model.scored_rows import ScoredRows
from pipeline.config.config import Config
from pipeline.config.gates.evaluation import Confidence
from pipeline.records import figures
from pipeline.records.runs import Outputs, Records, RunRecord
from pipeline.report.asked_model import AskedModel
from pipeline.running.live.live_check import LiveAnswer

# In the folder of a Model artifact.
SERVING_MODEL = "Format-Serving"
Table = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class ReportedRun:
    """A run that has ended, well or not; what it did not get to is empty or None.

    Attributes:
        config: the pipeline.
        records: its runs in ML Metadata.
        context: the run there.
        answers: the served model's answers about real rows; empty without a push.
        later: whether the page is written after the run, by a config that may be another one.
    """

    config: Config
    records: Records
    context: metadata_store_pb2.Context
    answers: Sequence[LiveAnswer] = ()
    later: bool = False

    @cached_property
    def record(self) -> RunRecord:
        """How the run and its nodes ended."""
        return self.records.run(self.context)

    @cached_property
    def outputs(self) -> Outputs:
        """The artifacts that the run made or reused, by node and output key."""
        return self.records.outputs(self.context)

    @cached_property
    def inputs(self) -> Mapping[tuple[str, str], metadata_store_pb2.Artifact]:
        """The last artifact that each node got, by node and input key; also from a resolver."""
        nodes = {execution.id: node for node, execution in self.records.executions(self.context).items()}
        events = [
            event
            for event in self.records.store.get_events_by_execution_ids(list(nodes))
            if event.type == metadata_store_pb2.Event.INPUT
        ]
        artifacts = {one.id: one for one in self.records.store.get_artifacts_by_id([e.artifact_id for e in events])}
        return {
            (nodes[event.execution_id], step.key): artifacts[event.artifact_id]
            for event in events
            for step in event.path.steps
            if step.HasField("key")
        }

    def folder(self, node: str, key: str) -> Path | None:
        """The folder of an output; None if there is none, or it is gone."""
        return _folder(self.outputs.get((node, key)))

    def folder_of_input(self, node: str, key: str) -> Path | None:
        """The folder of what a node was given; None if there is none, or it is gone."""
        return _folder(self.inputs.get((node, key)))

    @cached_property
    def evaluated(self) -> Evaluated | None:
        """What the Evaluator found; None if it did not end."""
        evaluation = self.folder("Evaluator", "evaluation")
        return Evaluated.read(str(evaluation)) if evaluation else None

    @property
    def metrics(self) -> tuple[Table, Table]:
        """Metrics of candidate and baseline by slice, all examples at ``""``, and name; empty without an evaluation."""
        return (self.evaluated.candidate, self.evaluated.baseline) if self.evaluated else ({}, {})

    @cached_property
    def intervals(self) -> tuple[Intervals, Intervals]:
        """Of the candidate's metrics and of their differences from the baseline's; empty if none were computed."""
        evaluation, confidence = self.folder("Evaluator", "evaluation"), self.config.gates.evaluation.confidence
        if evaluation is None:
            return {}, {}
        level = (confidence or Confidence()).level
        return (
            intervals_by_slice(str(evaluation), level=level),
            intervals_by_slice(str(evaluation), level=level, of_change=True),
        )

    @cached_property
    def rows(self) -> ScoredRows | None:
        """Rows with the answers of candidate and baseline; None without an evaluation."""
        evaluation = self.folder("Evaluator", "evaluation")
        return ScoredRows.load(str(evaluation)) if evaluation else None

    @cached_property
    def model(self) -> AskedModel | None:
        """The export of the run, loaded; None if it has none."""
        folder = self.folder("Trainer", "model")
        export = folder / SERVING_MODEL if folder else None
        return AskedModel(export, self.config.label) if export and export.exists() else None

    @cached_property
    def statistics(self) -> Mapping[str, statistics_pb2.DatasetFeatureStatistics]:
        """By split; empty before StatisticsGen."""
        folder = self.folder("StatisticsGen", "statistics")
        return figures.datasets(str(folder)) if folder else {}

    @cached_property
    def served_statistics(self) -> Mapping[str, statistics_pb2.DatasetFeatureStatistics]:
        """Of the data that the served model was trained on, by split; empty in a first run."""
        folder = self.folder_of_input("DataGate", "served_statistics")
        return figures.datasets(str(folder)) if folder else {}


def _folder(artifact: metadata_store_pb2.Artifact | None) -> Path | None:
    folder = Path(artifact.uri) if artifact else None
    return folder if folder and folder.exists() else None
