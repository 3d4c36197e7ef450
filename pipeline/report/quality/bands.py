"""How far the curves would move with other rows of the same kind: a Poisson bootstrap over the kept rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.report.quality.scores import Calibration, Counts

_DRAWS = 100
_GRID = np.linspace(0, 1, 41)


@dataclass(frozen=True, kw_only=True)
class Band:
    """An interval at each place.

    Attributes:
        at: `[places]`.
        low: `[places]`.
        high: `[places]`.
    """

    at: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Bands:
    """The intervals of a binary model's curves.

    Attributes:
        level: the share of draws that lie inside.
        roc: of the recall by false positive rate.
        precision: of the precision by recall.
        calibration: of the share that is positive, by mean prediction of each bin.
    """

    level: float
    roc: Band
    precision: Band
    calibration: Band


def bands(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray, *, level: float) -> Bands:
    """The intervals; the same in every run on the same rows.

    Args:
        labels: 0 or 1, `[rows]`; both occur.
        scores: probabilities, `[rows]`.
        weights: of the rows, `[rows]`.
        level: in (0, 1).
    """
    random = np.random.default_rng(0)
    roc, precision, observed = [], [], []
    for _ in range(_DRAWS):
        drawn = weights * random.poisson(1.0, len(labels))
        counts = Counts.of(labels, scores, drawn)
        if not counts.positives or not counts.negatives:
            continue
        recall, false = counts.true / counts.positives, counts.false / counts.negatives
        roc.append(np.interp(_GRID, np.append(0, false), np.append(0, recall)))
        called = np.maximum(counts.true + counts.false, 1e-12)
        precision.append(np.interp(_GRID, recall, counts.true / called))
        observed.append(_observed(labels, scores, drawn))
    whole = Calibration.of(labels, scores, weights)
    return Bands(
        level=level,
        roc=_band(_GRID, roc, level),
        # Before the first rows that are found, precision is that of a few.
        precision=_band(_GRID[2:], [one[2:] for one in precision], level),
        calibration=_band(whole.predicted, observed, level),
    )


def _observed(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The share of positive rows in the bins of all rows; NaN where a draw has none."""
    parts = Calibration.bins(scores)
    totals = np.array([weights[part].sum() for part in parts])
    return np.array([(labels * weights)[part].sum() for part in parts]) / np.where(totals, totals, np.nan)


def _band(at: np.ndarray, draws: list[np.ndarray], level: float) -> Band:
    low, high = np.nanquantile(np.stack(draws), ((1 - level) / 2, (1 + level) / 2), axis=0)
    return Band(at=at, low=low, high=high)
