"""Figures of a binary model's probabilities at every threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_CALIBRATED = 10
STEPS = 100


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many rows are called positive from each score on.

    Attributes:
        scores: float `[points]`, descending; each row with at least that score is called positive.
        true: float `[points]`, weight of those that are.
        false: float `[points]`, weight of those that are not.
    """

    scores: np.ndarray
    true: np.ndarray
    false: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> Counts:
        """The counts of rows.

        Args:
            labels: 0 or 1, `[rows]`.
            scores: probabilities, `[rows]`.
            weights: of the rows, `[rows]`.
        """
        order = np.argsort(-scores, kind="stable")
        last = np.append(np.diff(scores[order]) != 0, [True])
        true = np.cumsum((labels * weights)[order])
        false = np.cumsum(((1 - labels) * weights)[order])
        return cls(scores=scores[order][last], true=true[last], false=false[last])

    @property
    def positives(self) -> float:
        """The weight of all positive rows."""
        return float(self.true[-1])

    @property
    def negatives(self) -> float:
        """The weight of all others."""
        return float(self.false[-1])

    def above(self, threshold: float) -> tuple[float, float]:
        """True and false positives if a row is called positive above the threshold, as Keras and TFMA do."""
        count = int(np.searchsorted(-self.scores, -threshold, side="left"))
        return (float(self.true[count - 1]), float(self.false[count - 1])) if count else (0.0, 0.0)

    def few(self, most: int) -> np.ndarray:
        """Indices of points that are enough to draw a curve."""
        return np.unique(np.linspace(0, len(self.scores) - 1, min(most, len(self.scores))).round().astype(int))


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was predicted and what came true, in bins of as many rows each.

    Attributes:
        predicted: mean probability, `[bins]`.
        observed: share of positive rows, `[bins]`.
        weights: `[bins]`.
    """

    predicted: np.ndarray
    observed: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> Calibration:
        """See `Counts.of`."""
        parts = [part for part in cls.bins(scores) if weights[part].sum()]
        return cls(
            predicted=np.array([np.average(scores[part], weights=weights[part]) for part in parts]),
            observed=np.array([np.average(labels[part], weights=weights[part]) for part in parts]),
            weights=np.array([weights[part].sum() for part in parts]),
        )

    @staticmethod
    def bins(scores: np.ndarray) -> list[np.ndarray]:
        """The indices of the rows of each bin."""
        return [part for part in np.array_split(np.argsort(scores, kind="stable"), _CALIBRATED) if len(part)]

    @property
    def error(self) -> float:
        """The expected calibration error: the mean distance of both, weighted by rows."""
        return float(np.average(np.abs(self.predicted - self.observed), weights=self.weights))
