"""One pipeline's configuration: strict, frozen, and complete before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from pipeline.config.beam.engines import Beam, runner_problem
from pipeline.config.beam.in_process import InProcess
from pipeline.config.card import Card
from pipeline.config.fields import PipelineName
from pipeline.config.gates.gates import Gates
from pipeline.config.lite import WithLite  # part: lite
from pipeline.config.metadata import MetadataDatabase, MetadataServer
from pipeline.config.operate.batch import WithBatch  # part: batch
from pipeline.config.operate.notify import Notify
from pipeline.config.operate.watch import WithWatch  # part: watch
from pipeline.config.platform.platforms import AnyPlatform
from pipeline.config.section import Section
from pipeline.config.serving import Serving
from pipeline.config.sources.sources import Source
from pipeline.config.training.trainer import Trainer
from trainer.parameters import Features, Label, Parameters, Strict


class Config(
    WithBatch,  # part: batch
    WithLite,  # part: lite
    WithWatch,  # part: watch
    Strict,
):
    """One pipeline, with the profile it runs in laid over it.

    Attributes:
        schema_path: the curated schema (key ``schema``); None means that SchemaGen infers one from the statistics.
        features: None means that every column is used, by its type.
        example_weight: the column with the weight of each example, in training and in evaluation.
        runs: the folder with one run folder per pipeline.
        metadata: a database server for ML Metadata; None is a file of SQLite in the run folder. A platform has its own.
        cache: whether nodes whose inputs and code did not change are reused from earlier runs.
        platform: where ``python -m kubeflow`` sends the pipeline; None in profiles that run it here.
    """

    name: PipelineName
    data: Source
    schema_path: Path | None = Field(default=None, alias="schema")
    label: Label
    example_weight: str | None = None
    features: Features | None = None
    trainer: Trainer = Trainer()
    gates: Gates
    serving: Serving
    notify: Notify = Notify()
    card: Card = Card()
    runs: Path = Path("runs")
    metadata: MetadataServer | None = None
    cache: bool = True
    beam: Beam = InProcess()
    platform: AnyPlatform | None = None

    @model_validator(mode="before")
    @classmethod
    def _runner_is_known(cls, given: Any) -> Any:
        problem = runner_problem(given["beam"]) if isinstance(given, dict) and "beam" in given else None
        if problem:
            raise ValueError(problem)
        return given

    @model_validator(mode="after")
    def _sections_fit(self) -> Config:
        parameters = self.parameters()
        for key in type(self).model_fields:
            section = getattr(self, key)
            for problem in section.problems(parameters) if isinstance(section, Section) else ():
                raise ValueError(f"{key}.{problem}")
        return self

    def parameters(self) -> Parameters:
        """What the trainer and preprocessing get to know."""
        return Parameters(
            label=self.label,
            features=self.features,
            example_weight=self.example_weight,
            model=self.trainer.model,
            loss=self.trainer.loss,
            metrics=self.trainer.metrics,
            loop=self.trainer.loop,
        )

    def preprocessing_parameters(self) -> Parameters:
        """As `parameters`, with model and loop left at their defaults: they must not invalidate Transform."""
        return Parameters(label=self.label, features=self.features, example_weight=self.example_weight)

    @property
    def run_folder(self) -> Path:
        """Artifacts, metadata, serving folder, logs and report of this pipeline."""
        return self.runs.resolve() / self.name

    @property
    def serving_folder(self) -> Path:
        """The base path that a model server watches; its children are the versions."""
        return self.run_folder / "serving" / self.serving.model_name

    @property
    def metadata_file(self) -> Path:
        """The SQLite file of ML Metadata."""
        return self.run_folder / "metadata.sqlite"

    @property
    def metadata_source(self) -> Path | MetadataDatabase:
        """Where ML Metadata is: `metadata_file`, or the configured server."""
        return MetadataDatabase(server=self.metadata, pipeline=self.name) if self.metadata else self.metadata_file

    @property
    def scratch_folder(self) -> Path:
        """The temporary files of a run; the next one empties it."""
        return self.run_folder / "tmp"
