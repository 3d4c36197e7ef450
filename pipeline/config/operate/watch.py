"""What is watched of the requests that the served model gets, and how far it may move. No TensorFlow here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.config.section import Section
from trainer.parameters import Parameters, Strict, Task

# What live quality is judged by; the first one unless the config says otherwise.
LIVE_METRICS: Mapping[Task, tuple[str, ...]] = {
    "binary": ("auc", "accuracy"),
    "multiclass": ("accuracy",),
    "regression": ("mean_absolute_error", "root_mean_squared_error"),
}
_Share = Field(default=None, gt=0, le=1)


class Limit(Strict):
    """From where on something calls for a new model, and from where on for a person.

    Attributes:
        retrain: what is larger makes ``watch`` and ``retrain-if --watch`` end with 10; null for no such limit.
        alarm: what is larger makes ``watch`` end with 3; null for no such limit.
    """

    retrain: float | None = _Share
    alarm: float | None = _Share

    @model_validator(mode="after")
    def _ascend(self) -> Limit:
        if self.retrain is not None and self.alarm is not None and self.alarm < self.retrain:
            raise ValueError(f"alarm: {self.alarm:g} is below retrain, {self.retrain:g}; an alarm is for more")
        return self


class Fall(Strict):
    """How far live quality may be below that at the push.

    Attributes:
        metric: ``auc`` or ``accuracy`` of classes, ``mean_absolute_error`` or ``root_mean_squared_error`` of numbers;
            null takes ``auc`` for ``binary``, ``accuracy`` for ``multiclass``, ``mean_absolute_error`` for
            ``regression``.
        retrain: a larger fall calls for a new model; of an error, its rise as a share of what it was. Null for none.
        alarm: a larger one calls for a person; null for none.
        level: how sure the fall must be.
        min_labels: int, windows with fewer labels are not judged.
    """

    metric: Literal["auc", "accuracy", "mean_absolute_error", "root_mean_squared_error"] | None = None
    retrain: float | None = Field(default=0.02, gt=0, allow_inf_nan=False)
    alarm: float | None = Field(default=0.1, gt=0, allow_inf_nan=False)
    level: float = Field(default=0.95, ge=0.5, lt=1)
    min_labels: int = Field(default=100, gt=1)

    @model_validator(mode="after")
    def _ascend(self) -> Fall:
        if self.retrain is not None and self.alarm is not None and self.alarm < self.retrain:
            raise ValueError(f"alarm: {self.alarm:g} is below retrain, {self.retrain:g}; an alarm is for more")
        return self


class Watch(Section):
    """What ``python -m pipeline watch`` looks at. Each limit is judged in the newest window that is over.

    Attributes:
        log: the servers' ``--request_log_folder``; null takes ``gates.data.requests``, or ``--log``.
        labels: files with true labels, as patterns: a row for each label, with the keys and the label's columns.
        keys: columns that together say which request a label belongs to. Requests have to hold them.
        window: the time that is looked at as one, ``hour`` or ``day`` (UTC).
        judge_open: whether the window that is not over yet is judged, too.
        keep: int, windows that are kept and shown. What is older is forgotten, labels too.
        most: int, rows of a window that are kept, chosen at random; all are counted.
        min_rows: int, windows with fewer rows are not judged.
        ignore: columns whose distribution is not judged, such as the month, which moves by nature.
        numbers: distance of a column of numbers from the training data, as ``gates.data.drift.numbers`` measures it.
        categories: distance of a column of text, as ``gates.data.drift.categories`` measures it.
        missing: how far the share of rows without a value may be from the training data's.
        unseen: share of a column's values that training never saw: texts, or numbers beyond the smallest and largest.
        unknown: share of rows with a column that the data do not have, such as a misspelt one.
        broken: share of records and rows that cannot be read, or were not answered with numbers.
        contradicted: share of the labels that came with two values.
        predictions: distance of the predictions from those on the eval split when the model was pushed.
        quality: live quality, where there are labels.
        latency: URLs of the servers' Prometheus metrics, which know how long answers took; the log does not.
    """

    log: Path | None = None
    labels: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    window: Literal["hour", "day"] = "day"
    judge_open: bool = False
    keep: int = Field(default=30, ge=2, le=1000)
    most: int = Field(default=10_000, ge=100)
    min_rows: int = Field(default=100, gt=0)
    ignore: tuple[str, ...] = ()
    numbers: Limit = Limit(retrain=0.1, alarm=0.3)
    categories: Limit = Limit(retrain=0.3, alarm=0.6)
    missing: Limit = Limit(alarm=0.1)
    unseen: Limit = Limit(retrain=0.05, alarm=0.2)
    unknown: Limit = Limit(alarm=0.01)
    broken: Limit = Limit(alarm=0.01)
    contradicted: Limit = Limit(alarm=0.05)
    predictions: Limit = Limit(retrain=0.1, alarm=0.3)
    quality: Fall = Fall()
    latency: tuple[Annotated[str, Field(pattern="^https?://")], ...] = ()

    @model_validator(mode="after")
    def _labels_have_keys(self) -> Watch:
        if self.labels and not self.keys:
            raise ValueError("keys: labels need them; name the columns that say which request a label belongs to")
        return self

    def problems(self, parameters: Parameters) -> Iterator[str]:
        """See `Section.problems`."""
        task, metric = parameters.label.task, self.quality.metric
        if metric is not None and metric not in LIVE_METRICS[task]:
            names = " and ".join(LIVE_METRICS[task])
            yield f"quality.metric: {metric} is not a metric of a {task} label; there are {names}"

    @property
    def seconds(self) -> int:
        """The length of a window."""
        return {"hour": 3_600, "day": 86_400}[self.window]


class WithWatch(Strict):
    """What watching adds to a configuration.

    Attributes:
        watch: what ``python -m pipeline watch`` looks at, and how far it may move.
    """

    watch: Watch = Watch()
