"""What a trained model must reach."""

from __future__ import annotations

import itertools
from typing import Any, Literal

from pydantic import Field, model_validator

from components.messages import did_you_mean
from pipeline.config.gates.metrics import known_metrics
from trainer.parameters import Parameters, Strict


class MetricLimit(Strict):
    """A limit on one metric, over all examples or in every slice of a feature.

    Attributes:
        metric: its name, among those of the label's task (`pipeline.config.gates.metrics`).
        at: the recall of ``precision_at_recall``, the precision of ``recall_at_precision``, the k of
            ``top_k_accuracy``; other metrics have none.
        slice: a feature among ``slices``, or the features of a crossed one; the limit then applies to each of its
            values. None means all examples.
        min: the lowest value that passes, for a metric where higher is better.
        max: the highest value that passes, for a metric where lower is better.
        max_drop: how far the metric may fall below that of the last blessed model, where higher is better.
        max_rise: how far it may rise above it, where lower is better.
    """

    metric: str
    at: float | None = None
    slice: str | tuple[str, ...] | None = None
    min: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    max_drop: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    max_rise: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @property
    def name(self) -> str:
        """The metric's name in results, such as ``precision_at_recall_0.8``."""
        return self.metric if self.at is None else f"{self.metric}_{self.at:g}"

    def limits(self) -> dict[str, Any]:
        """The limits by the metric's name in results, as gates take them."""
        return {**self.model_dump(exclude={"at"}), "metric": self.name, "slice": self.sliced}

    @property
    def sliced(self) -> tuple[str, ...] | None:
        """The columns of the slice; None for all examples."""
        return (self.slice,) if isinstance(self.slice, str) else self.slice

    @property
    def absolute(self) -> bool:
        """Whether it can refuse a model without a baseline."""
        return self.min is not None or self.max is not None

    @model_validator(mode="after")
    def _limits_something(self) -> MetricLimit:
        if not self.absolute and self.max_drop is None and self.max_rise is None:
            raise ValueError("a threshold needs min, max, max_drop or max_rise; without them it cannot refuse a model")
        return self

    def problem(self, parameters: Parameters) -> str | None:
        """Why this cannot be a limit for a model of ``parameters``, as ``key: reason``; None where it can."""
        label, known = parameters.label, known_metrics(parameters)
        metric = known.get(self.metric)
        if metric is None:
            near = did_you_mean(known, like=self.metric)
            there = f"{near}choose one of {', '.join(known)}"
            return f"metric: {self.metric!r} is not a metric of a {label.task} label; {there}"
        if problem := metric.problem_at(self.at):
            return f"at: {self.metric}: {problem}"
        if metric.per_class and self.slice is not None:
            return f"slice: {self.metric} is a mean over all classes, and a slice may lack some; use accuracy there"
        wrong = ("max", "max_rise") if metric.higher_is_better else ("min", "max_drop")
        for key in wrong:
            if getattr(self, key) is not None:
                better, use = ("higher", "min or max_drop") if metric.higher_is_better else ("lower", "max or max_rise")
                return f"{key}: {better} is better for {self.metric}; use {use}"
        for key in ("min", "max_drop") if self.metric not in parameters.metrics else ():
            if (given := getattr(self, key)) is not None and given > 1:
                return f"{key}: {self.metric} is at most 1, got {given:g}"
        return None


class Buckets(Strict):
    """A column of numbers, sliced by ranges.

    Attributes:
        column: its name.
        edges: where one range ends and the next begins, ascending: ``[5, 10]`` makes ``below 5``, ``5 to 10`` and
            ``10 or more``.
    """

    column: str
    edges: tuple[float, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ascending(self) -> Buckets:
        if any(low >= high for low, high in itertools.pairwise(self.edges)):
            raise ValueError(f"edges: {list(self.edges)} do not ascend")
        return self


class Confidence(Strict):
    """Confidence intervals of all metrics, by Poisson bootstrap.

    Attributes:
        replicates: how often the rows are drawn; more make the intervals more exact, and the evaluation slower.
        level: how sure an interval is.
        judge: ``point`` compares a metric with its limits, as without intervals; ``bound`` also the end of its
            interval that is nearer to the limit, so that luck with few rows does not suffice.
    """

    replicates: int = Field(default=20, ge=10, le=100)
    level: float = Field(default=0.95, ge=0.5, lt=1)
    judge: Literal["point", "bound"] = "point"


class EvaluationGate(Strict):
    """What the candidate must reach.

    Attributes:
        thresholds: at least one for all examples; without any, the Evaluator would never bless.
        baseline: ``latest`` compares with the model that was pushed last; ``none`` with nothing, for a new start
            after the data or the label changed so much that the old model cannot answer.
        slices: features whose values are evaluated one by one; a list of features crosses them, and
            ``{column: fare, edges: [5, 10, 20]}`` divides numbers into ranges, here and where the column is crossed.
        min_slice_size: slices with fewer examples are left out.
        reference: ``hist_gradient_boosting`` trains scikit-learn's boosted trees on the same rows, and the summary says
            what they reach; None does not.
        reference_warn: float, share by which the model's error (1 - AUC, 1 - accuracy, or the root of the mean squared
            error) may be larger than theirs before the summary warns.
        reference_refuse: float, share by which it may be larger before the model is refused; None never refuses.
        confidence: intervals of the metrics and of their differences from the baseline's; None computes none.
        constant_predictions: what becomes of a model that answers the same in all rows: ``refuse``, or ``warn``.
        distance_warn: mean distance between the predictions of candidate and served model on the same rows from which
            on there is a notice: in probabilities, or in standard deviations of the served model's predictions in a
            regression; None never warns.
        distance_refuse: distance from which on the candidate is refused; None never refuses.
        served_max_drop: how far AUC and accuracy of the served model on the new data may lie below what it reached
            when it was pushed, as a sign that the data have changed; None does not compare.
        served_max_rise: of a regression, the share by which the mean absolute error may have risen; None does not
            compare.
        first_run: without a blessed model to compare with, ``absolute_only`` applies only the ``min`` and ``max``
            limits, and ``refuse`` pushes nothing.
    """

    thresholds: tuple[MetricLimit, ...] = Field(min_length=1)
    baseline: Literal["latest", "none"] = "latest"
    slices: tuple[str | Buckets | tuple[str, ...], ...] = ()
    min_slice_size: int = Field(default=1, gt=0)
    reference: Literal["hist_gradient_boosting"] | None = None
    reference_warn: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    reference_refuse: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    confidence: Confidence | None = None
    constant_predictions: Literal["refuse", "warn"] = "refuse"
    distance_warn: float | None = Field(default=0.25, gt=0, allow_inf_nan=False)
    distance_refuse: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    served_max_drop: float | None = Field(default=0.1, gt=0, le=1)
    served_max_rise: float | None = Field(default=0.5, gt=0, allow_inf_nan=False)
    first_run: Literal["absolute_only", "refuse"] = "absolute_only"

    def sliced(self) -> tuple[tuple[str, ...], ...]:
        """The columns of each of ``slices``."""
        return tuple(_columns(each) for each in self.slices)

    def slice_columns(self) -> tuple[str, ...]:
        """All columns of ``slices``."""
        return tuple(dict.fromkeys(column for columns in self.sliced() for column in columns))

    def edges(self) -> dict[str, tuple[float, ...]]:
        """Of the columns that are divided into ranges the edges."""
        return {each.column: each.edges for each in self.slices if isinstance(each, Buckets)}

    @model_validator(mode="after")
    def _consistent(self) -> EvaluationGate:
        if len(set(map(frozenset, self.sliced()))) != len(self.slices) or not all(self.sliced()):
            raise ValueError("slices: a feature or a cross of features stands there twice, or is empty")
        for index, threshold in enumerate(self.thresholds):
            if threshold.sliced is not None and threshold.sliced not in self.sliced():
                raise ValueError(f"thresholds.{index}.slice: {threshold.slice!r} is not among slices")
        keys = [(threshold.name, threshold.sliced) for threshold in self.thresholds]
        if len(set(keys)) != len(keys):
            raise ValueError("thresholds: a metric has two limits on the same slice; join them in one")
        overall = [threshold for threshold in self.thresholds if threshold.slice is None]
        if not overall:
            raise ValueError("thresholds: all apply to slices; the Evaluator needs one for all examples to bless")
        if self.reference is None and self.reference_refuse is not None:
            raise ValueError("reference_refuse: there is no reference; add reference: hist_gradient_boosting")
        if self.first_run == "absolute_only" and not any(threshold.absolute for threshold in overall):
            raise ValueError(
                "thresholds: none has a min or max, so a first model would pass unchecked; add one, or set "
                "first_run: refuse"
            )
        return self


def _columns(sliced: str | Buckets | tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(sliced, tuple):
        return sliced
    return (sliced if isinstance(sliced, str) else sliced.column,)
