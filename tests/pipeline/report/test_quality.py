"""The figures that the page draws, beside those of scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics

from pipeline.report.quality.bands import bands
from pipeline.report.quality.scores import Calibration, Counts


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores with many ties, and weights."""
    random = np.random.default_rng(3)
    labels = (random.random(800) < 0.3).astype(float)
    scores = np.clip(0.3 * labels + random.random(800) * 0.7, 0, 1).round(2)
    return labels, scores, random.integers(1, 4, 800).astype(float)


def test_counts_are_those_of_the_roc_curve(rows):
    labels, scores, weights = rows
    found = Counts.of(labels, scores, weights)
    false, true, thresholds = metrics.roc_curve(labels, scores, sample_weight=weights, drop_intermediate=False)
    np.testing.assert_allclose(found.scores, thresholds[1:])
    np.testing.assert_allclose(found.true / found.positives, true[1:])
    np.testing.assert_allclose(found.false / found.negatives, false[1:])
    few = found.few(20)
    assert (few[0], few[-1], len(few)) == (0, len(found.scores) - 1, 20)


@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.505, 1.0])
def test_a_probability_that_equals_the_threshold_is_negative(rows, threshold):
    labels, scores, weights = rows
    true, false = Counts.of(labels, scores, weights).above(threshold)
    said = scores > threshold
    assert true == pytest.approx(weights[said & (labels == 1)].sum())
    assert false == pytest.approx(weights[said & (labels == 0)].sum())


def test_a_model_that_is_sure_and_wrong_is_badly_calibrated():
    labels, ones = np.array([0.0, 1.0] * 50), np.ones(100)
    assert Calibration.of(labels, np.full(100, 0.5), ones).error == pytest.approx(0)
    assert Calibration.of(labels, np.full(100, 0.9), ones).error == pytest.approx(0.4)
    # A row of no weight says nothing.
    labels, scores = np.array([0.0, 1.0]), np.array([0.0, 0.25])
    assert Calibration.of(labels, scores, np.array([1.0, 0.0])).error == 0


def test_the_bands_hold_what_other_rows_of_the_same_kind_give():
    def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng(seed)
        labels = (random.random(600) < 0.4).astype(float)
        return labels, np.clip(0.4 * labels + 0.6 * random.random(600), 0, 1)

    labels, scores = drawn(0)
    found = bands(labels, scores, np.ones(600), level=0.9)
    inside, width = [], []
    for seed in range(1, 40):
        false, true, _ = metrics.roc_curve(*drawn(seed))
        recall = np.interp(found.roc.at, false, true)
        inside.append(((found.roc.low - 0.01 <= recall) & (recall <= found.roc.high + 0.01)).mean())
        width.append((found.roc.high - found.roc.low).mean())
    assert 0.6 < np.mean(inside) < 1
    assert 0.005 < np.mean(width) < 0.15
    assert (found.precision.low <= found.precision.high).all()
    assert len(found.calibration.at) == 10
    again = bands(labels, scores, np.ones(600), level=0.9)
    np.testing.assert_array_equal(found.roc.low, again.roc.low)
    wide = bands(labels, scores, np.ones(600), level=0.99)
    assert (wide.roc.high - wide.roc.low).mean() > (found.roc.high - found.roc.low).mean()
