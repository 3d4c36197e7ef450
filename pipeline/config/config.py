"""The typed configuration of a pipeline: strict, frozen, and complete before anything runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.beam import Beam, InProcess, problem
from pipeline.config.lite import Lite
from pipeline.config.metrics import METRICS
from pipeline.config.platforms import Platform
from serving.deploy.options import Deploy
from trainer.parameters import Features, Label, Loop, Model, Parameters, Strict
from trainer.tuning.search import Search


def _identifier(name: str) -> str:
    if not name.replace("-", "_").isidentifier():
        raise ValueError(f"{name!r} may hold letters, digits, '-' and '_' only, and not begin with a digit")
    return name


Name = Annotated[str, AfterValidator(_identifier)]


class Data(Strict):
    """Where the examples come from.

    Attributes:
        path: a folder; all files of the format in it are read.
        files: which of them, as a pattern below the folder; ``{SPAN}``, ``{VERSION}`` or ``{YYYY}-{MM}-{DD}`` in it
            means that the newest is read. None means all that end as the format's files do.
        format: ``csv`` with a header line, ``parquet``, ``arrow`` (Arrow's file format), or ``tfrecord`` of
            tf.Examples.
        splits: hash buckets per split; ``train`` and ``eval`` must be among them.
    """

    path: Path
    files: str | None = Field(default=None, min_length=1)
    format: Literal["csv", "parquet", "arrow", "tfrecord"] = "csv"
    splits: Mapping[Name, Annotated[int, Field(gt=0)]] = {"train": 2, "eval": 1}

    @property
    def pattern(self) -> str:
        """Which files in the folder are data; others, such as a README, are left alone."""
        endings = {"csv": "*.csv", "parquet": "*.parquet", "arrow": "*.arrow", "tfrecord": "*.tfrecord*"}
        return self.files or endings[self.format]

    @property
    def glob(self) -> str:
        """As ``pattern``, with ``*`` for every span, version and part of a date."""
        return re.sub(r"\{[A-Z]+(:[0-9]+)?\}", "*", self.pattern)

    @model_validator(mode="after")
    def _needs_both_splits(self) -> Data:
        missing = {"train", "eval"} - set(self.splits)
        if missing:
            raise ValueError(f"splits: {sorted(missing)} missing; the trainer and the Evaluator need them")
        return self


class DataGate(Strict):
    """Which data anomalies stop a run.

    Attributes:
        fail_on: the least severity that stops it.
        allow: anomalies that never do: ``feature`` or ``feature:REASON``, as the refusal prints them.
    """

    fail_on: Literal["error", "warning"] = "error"
    allow: tuple[str, ...] = ()


class Threshold(Strict):
    """A limit on one metric, over all examples or in every slice of a feature.

    Attributes:
        metric: its name, among those of the label's task (`pipeline.config.metrics`).
        slice: a feature among ``slices``; the limit then holds for each of its values. None means all examples.
        min: the least value that passes, for a metric of which more is better.
        max: the greatest value that passes, for a metric of which less is better.
        max_drop: how far the metric may fall below that of the last blessed model, where more is better.
        max_rise: how far it may rise above it, where less is better.
    """

    metric: str
    slice: str | None = None
    min: float | None = Field(default=None, gt=0, le=1)
    max: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_drop: float | None = Field(default=None, ge=0, le=1)
    max_rise: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @property
    def absolute(self) -> bool:
        """Whether it can refuse a model that has no other to be compared with."""
        return self.min is not None or self.max is not None

    @model_validator(mode="after")
    def _limits_something(self) -> Threshold:
        if not self.absolute and self.max_drop is None and self.max_rise is None:
            raise ValueError("a threshold needs min, max, max_drop or max_rise; as it is, it can never refuse a model")
        return self

    def misfit(self, label: Label) -> str | None:
        """Why this cannot be a limit for a model of ``label``, as ``key: reason``; None where it can."""
        known = METRICS[label.task]
        metric = known.get(self.metric)
        if metric is None:
            return f"metric: {self.metric!r} is no metric of a {label.task} label; there are {', '.join(known)}"
        if metric.per_class and self.slice is not None:
            return f"slice: {self.metric} is a mean over all classes, which a slice may lack; use accuracy there"
        wrong = ("max", "max_rise") if metric.higher_is_better else ("min", "max_drop")
        for key in wrong:
            if getattr(self, key) is not None:
                better, use = ("more", "min or max_drop") if metric.higher_is_better else ("less", "max or max_rise")
                return f"{key}: of {self.metric}, {better} is better; use {use}"
        return None


class EvaluationGate(Strict):
    """What the candidate must reach.

    Attributes:
        thresholds: at least one for all examples; without any, the Evaluator would never bless.
        baseline: ``latest`` compares with the model that was pushed last; ``none`` with nothing, for a new beginning
            after the data or the label changed so much that the old model cannot answer.
        slices: features whose values are evaluated one by one.
        min_slice_size: slices with fewer examples are left out.
        first_run: without a blessed model to compare with, ``absolute_only`` applies the ``min`` and ``max`` limits
            alone, and ``refuse`` pushes nothing.
    """

    thresholds: tuple[Threshold, ...] = Field(min_length=1)
    baseline: Literal["latest", "none"] = "latest"
    slices: tuple[str, ...] = ()
    min_slice_size: int = Field(default=1, gt=0)
    first_run: Literal["absolute_only", "refuse"] = "absolute_only"

    @model_validator(mode="after")
    def _consistent(self) -> EvaluationGate:
        for index, threshold in enumerate(self.thresholds):
            if threshold.slice is not None and threshold.slice not in self.slices:
                raise ValueError(f"thresholds.{index}.slice: {threshold.slice!r} is not among slices")
        keys = [(threshold.metric, threshold.slice) for threshold in self.thresholds]
        if len(set(keys)) != len(keys):
            raise ValueError("thresholds: a metric has two limits on the same slice; join them in one")
        overall = [threshold for threshold in self.thresholds if threshold.slice is None]
        if not overall:
            raise ValueError("thresholds: all are for slices; the Evaluator blesses only with one for all examples")
        if self.first_run == "absolute_only" and not any(threshold.absolute for threshold in overall):
            raise ValueError(
                "thresholds: none has a min (or max), so a first model would pass unseen; add one or refuse it"
            )
        return self


class InfraGate(Strict):
    """How the export is tried: examples sent, the largest difference of an output, and the time limit.

    Attributes:
        warmup: whether one of the examples goes with the model into the serving folder, for a server to warm up.
    """

    num_examples: int = Field(default=64, gt=0)
    tolerance: float = Field(default=1e-4, gt=0, lt=0.1)
    timeout_seconds: int = Field(default=120, gt=0)
    warmup: bool = True


class Gates(Strict):
    """The three gates between data and serving."""

    data: DataGate = DataGate()
    evaluation: EvaluationGate
    infra: InfraGate = InfraGate()


class Trainer(Strict):
    """The user module and its options.

    Attributes:
        run_fn: dotted path of the function that trains and exports.
        preprocessing_fn: dotted path of the Transform function.
        tuner_fn: dotted path of the function that makes the tuner, where there is one.
        tuner: the search for hyperparameters that comes before the training; None trains with what is configured.
    """

    run_fn: str = "trainer.run_fn.run_fn"
    preprocessing_fn: str = "trainer.preprocessing.preprocessing_fn"
    tuner_fn: str = "trainer.tuner_fn.tuner_fn"
    tuner: Search | None = None
    model: Model = Model()
    loop: Loop = Loop()


class Serving(Strict):
    """How the model is served.

    Attributes:
        model_name: the name that requests use, and the folder's name below the run folder.
        deploy: what ``deploy-files`` writes for TF Serving.
    """

    model_name: Name
    deploy: Deploy = Deploy()


class Config(Strict):
    """One pipeline, with the profile it runs in laid over it.

    Attributes:
        schema_path: the curated schema (key ``schema``); None means that SchemaGen infers one from the statistics.
        features: None means that every column is used, by its type.
        lite: None means that no TF Lite files are made.
        example_weight: the column that says how much each example counts, in training and in evaluation.
        runs: the folder that holds one run folder per pipeline.
        cache: whether nodes whose inputs and code did not change are taken from earlier runs.
        platform: where ``python -m kubeflow`` sends the pipeline; None in profiles that run it here.
    """

    name: Name
    data: Data
    schema_path: Path | None = Field(default=None, alias="schema")
    label: Label
    example_weight: str | None = None
    features: Features | None = None
    trainer: Trainer = Trainer()
    gates: Gates
    lite: Lite | None = None
    serving: Serving
    runs: Path = Path("runs")
    cache: bool = True
    beam: Beam = InProcess()
    platform: Platform | None = None

    @model_validator(mode="before")
    @classmethod
    def _runner_is_no_trap(cls, given: Any) -> Any:
        trouble = problem(given["beam"]) if isinstance(given, dict) and "beam" in given else None
        if trouble:
            raise ValueError(trouble)
        return given

    @model_validator(mode="after")
    def _limits_fit_the_task(self) -> Config:
        for index, threshold in enumerate(self.gates.evaluation.thresholds):
            misfit = threshold.misfit(self.label)
            if misfit:
                raise ValueError(f"gates.evaluation.thresholds.{index}.{misfit}")
        for index, limit in enumerate(self.lite.thresholds if self.lite else ()):
            misfit = limit.misfit(self.label)
            if misfit:
                raise ValueError(f"lite.thresholds.{index}.{misfit}")
        return self

    @model_validator(mode="after")
    def _search_fits(self) -> Config:
        if self.trainer.tuner:
            try:
                self.trainer.tuner.check(self.parameters())
            except ValueError as error:
                raise ValueError(f"trainer.tuner.{error}") from None
        return self

    def parameters(self) -> Parameters:
        """What the trainer and preprocessing get to know."""
        return Parameters(
            label=self.label,
            features=self.features,
            example_weight=self.example_weight,
            model=self.trainer.model,
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
    def lite_folder(self) -> Path:
        """Where the TF Lite files go; its children are the versions."""
        return self.run_folder / "serving_lite" / self.serving.model_name

    @property
    def metadata_file(self) -> Path:
        """The SQLite file of ML Metadata."""
        return self.run_folder / "metadata.sqlite"
