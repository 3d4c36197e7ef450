"""Distances of columns and shares: what bins, outliers, equal values and chance must not decide."""

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv

from components.gates.data.drift import distances

pytestmark = pytest.mark.tensorflow


def distance(now: np.ndarray, before: np.ndarray) -> distances.Distance:
    found = []
    for values in (now, before):
        [dataset] = tfdv.generate_statistics_from_dataframe(pd.DataFrame({"x": values})).datasets
        found += dataset.features
    moved = distances.of_numbers(*found)
    assert moved is not None
    return moved


def normal(seed: int, rows: int = 900) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, rows)


def prices(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(3.0 ** np.arange(11), 900)


def spike(seed: int, rows: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.where(random.random(rows) < 0.3, 5.0, random.normal(5, 3, rows))


@pytest.mark.parametrize(
    ("now", "before", "least", "most"),
    [
        (normal(1), normal(2), 0, 0.01),
        # Equal values fill several bins, and lie far from each other.
        (prices(1), prices(2), 0, 0.01),
        # The values of one bin are all the same, and not evenly spread.
        (spike(37, 300), spike(1000, 5000), 0, 0.02),
        (np.zeros(900), np.zeros(900), 0, 0),
        # One outlier is one row.
        (np.append(normal(1), 1e12), normal(2), 0, 0.01),
        (np.append(normal(1), np.inf), normal(2), 0, 0.01),
        # The same shape elsewhere, below or above.
        (normal(1) + 1e6, normal(2), 0.9, 1),
        (normal(1) - 1e6, normal(2), 0.9, 1),
        (np.where(np.arange(900) % 2, normal(1) * 1609, normal(1)), normal(2), 0.15, 1),
        (normal(1) * 0, normal(2), 0.3, 1),
        (normal(1) + 1, normal(2), 0.1, 0.2),
    ],
)
def test_numbers_are_as_far_apart_as_their_distributions(now, before, least, most):
    moved = distance(now, before)
    assert least <= moved.value <= most
    assert distance(before, now).value == pytest.approx(moved.value)


def test_chance_gets_its_share_of_a_few_rows_and_none_of_many():
    assert not distances.share(16, 30, 10, 30).exceeds(0.1)
    assert distances.share(16_000, 30_000, 10_000, 30_000).exceeds(0.1)
    assert not distances.mean(1.6, 10, 1.0, 10, deviation=1.0).exceeds(0.5)
    assert distances.mean(1.6, 10_000, 1.0, 10_000, deviation=1.0).exceeds(0.5)
    assert distances.mean(2.0, 100, 1.0, 100, deviation=0.0).exceeds(0.5)
