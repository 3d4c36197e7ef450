"""Live quality with its interval, and how sure a fall below that at the push is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from components.evaluator import replicates
from pipeline.config.operate.watch import LIVE_METRICS, Fall
from pipeline.report.quality.scores import Counts
from trainer.labels.config import Task

_REPLICATES = 100
# Every replicate of a small sample may lack a class, and has no area under the curve then.
_FEWEST = 20
_ERRORS = ("mean_absolute_error", "root_mean_squared_error")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A metric of some rows.

    Attributes:
        value: of the rows themselves; NaN where it has none, such as an AUC of one class.
        error: its standard error, by the bootstrap.
        rows: int, how many.
    """

    value: float
    error: float
    rows: int

    def interval(self, level: float) -> tuple[float, float]:
        """Where the value may lie."""
        reach = _steps(level) * self.error
        return self.value - reach, self.value + reach


@dataclass(frozen=True, kw_only=True)
class Quality:
    """Live quality against that at the push.

    Attributes:
        metric: its name.
        live: of the labelled requests.
        pushed: of the eval split, by the same arithmetic; None if it is not known.
    """

    metric: str
    live: Figure
    pushed: Figure | None

    @property
    def fall(self) -> float:
        """How much worse it is; of an error, its rise as a share of what it was. NaN if that is not known."""
        if self.pushed is None:
            return float("nan")
        if self.metric in _ERRORS:
            return self.live.value / self.pushed.value - 1 if self.pushed.value else float("nan")
        return self.pushed.value - self.live.value

    def sure_fall(self, level: float) -> float:
        """The smallest fall that chance leaves: the lower bound of the fall's interval."""
        if self.pushed is None:
            return float("nan")
        error = float(np.hypot(self.live.error, self.pushed.error))
        if self.metric in _ERRORS:
            error /= self.pushed.value or float("nan")
        return self.fall - _steps(level) * error


def metric_of(fall: Fall, task: Task) -> str:
    """The metric that is judged."""
    return fall.metric or LIVE_METRICS[task][0]


def figure(task: Task, metric: str, labels: np.ndarray, predictions: np.ndarray) -> Figure:
    """A metric with its standard error.

    Args:
        task: of the label.
        metric: one of the task's.
        labels: float `[rows]`, class ids or numbers.
        predictions: float `[rows, outputs]`.
    """
    compute = _METRICS[task][metric]
    rows = len(labels)
    if not rows:
        return Figure(value=float("nan"), error=float("nan"), rows=0)
    # Each replicate sorts them again, which costs nothing then.
    order = np.argsort(-predictions[:, 0], kind="stable")
    labels, predictions = labels[order], predictions[order]
    # The rows' numbers are hashes enough: the same rows give the same interval.
    drawn = replicates.counts(np.arange(rows, dtype=np.uint64), rows, _REPLICATES)
    found = np.array([compute(labels, predictions, drawn[:, index]) for index in range(_REPLICATES + 1)])
    others = found[1:][np.isfinite(found[1:])]
    error = float(others.std(ddof=1)) if len(others) >= _FEWEST else float("nan")
    return Figure(value=float(found[0]), error=error, rows=rows)


def _auc(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> float:
    counts = Counts.of(labels, predictions[:, 0], weights)
    if not counts.positives or not counts.negatives:
        return float("nan")
    true, false = np.append([0.0], counts.true), np.append([0.0], counts.false)
    return float(np.trapezoid(true, false) / counts.positives / counts.negatives)


def _binary_accuracy(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> float:
    return _average((predictions[:, 0] > 0.5) == (labels > 0.5), weights)


def _accuracy(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> float:
    return _average(predictions.argmax(axis=1) == labels, weights)


def _absolute(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> float:
    return _average(np.abs(predictions[:, 0] - labels), weights)


def _squared(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> float:
    return _average((predictions[:, 0] - labels) ** 2, weights) ** 0.5


def _average(values: np.ndarray, weights: np.ndarray) -> float:
    total = float(weights.sum())
    return float((values * weights).sum() / total) if total else float("nan")


def _steps(level: float) -> float:
    return float(stats.norm.ppf((1 + level) / 2))


_Metric = Callable[[np.ndarray, np.ndarray, np.ndarray], float]
_METRICS: Mapping[Task, Mapping[str, _Metric]] = {
    "binary": {"auc": _auc, "accuracy": _binary_accuracy},
    "multiclass": {"accuracy": _accuracy},
    "regression": {"mean_absolute_error": _absolute, "root_mean_squared_error": _squared},
}
