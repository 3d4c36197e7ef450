"""Chooses the probability from which on a row is called positive."""

from __future__ import annotations

import numpy as np

MEASURES = ("f1", "accuracy", "balanced_accuracy")


def best_threshold(probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray, *, measure: str) -> float:
    """The threshold with the best value of a measure; of several, the one nearest to one half.

    Args:
        probabilities: float ``[rows]``.
        labels: 0 or 1, ``[rows]``.
        weights: example weights, ``[rows]``.
        measure: one of `MEASURES`.

    Returns:
        A number in (0, 1), half-way between two probabilities, so that rounding does not matter; one half if all labels
        are equal, since then nothing tells thresholds apart.
    """
    positives = weights * (labels > 0.5)
    negatives = weights - positives
    if not positives.sum() or not negatives.sum():
        return 0.5
    distinct, place = np.unique(probabilities.astype(np.float64), return_inverse=True)
    # With the threshold below the first probability all rows are called positive, above the last none.
    edges = np.concatenate([[0.0], distinct, [1.0]])
    candidates = (edges[:-1] + edges[1:]) / 2
    hits = positives.sum() - np.concatenate([[0.0], np.cumsum(np.bincount(place, positives))])
    false = negatives.sum() - np.concatenate([[0.0], np.cumsum(np.bincount(place, negatives))])
    values = _measured(measure, hits=hits, false=false, positives=positives.sum(), negatives=negatives.sum())
    best = np.flatnonzero((values >= values.max() - 1e-12) & (candidates > 0) & (candidates < 1))
    if not len(best):
        return 0.5
    return float(candidates[best[np.argmin(np.abs(candidates[best] - 0.5))]])


def _measured(measure: str, *, hits: np.ndarray, false: np.ndarray, positives: float, negatives: float) -> np.ndarray:
    """A measure by threshold, given the weights of true and false positives."""
    if measure == "f1":
        return 2 * hits / (positives + hits + false)
    if measure == "accuracy":
        return (hits + negatives - false) / (positives + negatives)
    return (hits / positives + 1 - false / negatives) / 2
