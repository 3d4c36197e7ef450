"""TFDV's histograms by numpy are TFDV's own, bit for bit."""

import numpy as np
import pytest
from tensorflow_data_validation.utils import quantiles_util

from pipeline.beam.histograms import quick_histograms

pytestmark = pytest.mark.tensorflow


def quantiles(values: np.ndarray, bins: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """As TFDV's sketch yields them: many equal bounds where there are few values."""
    ordered = np.sort(values)
    places = np.linspace(0, len(ordered) - 1, bins + 1).astype(int)
    return ordered[places].astype(np.float64), (places + 1).astype(np.float64)


RANDOM = np.random.default_rng(7)
VALUES = {
    "normal": RANDOM.normal(size=5000),
    "few rows": RANDOM.normal(size=40),
    "integers": RANDOM.integers(0, 5, 3000).astype(float),
    "edges": np.repeat(np.arange(11.0), 7),
    "one value": np.full(50, 3.0),
    "one row": np.array([2.5]),
    "skewed": RANDOM.exponential(size=3000) ** 4,
    "infinite": np.array([*RANDOM.normal(size=100), np.inf, -np.inf]),
}


@pytest.mark.parametrize("name", VALUES)
def test_the_histogram_is_tfdv_s_own(name):
    values = VALUES[name]
    bounds, counts = quantiles(values)
    finite = values[np.isfinite(values)]
    given = (bounds, counts, finite.min(), finite.max(), 10, float(np.isposinf(values).sum()))
    expected = quantiles_util.generate_equi_width_histogram(*given)
    with quick_histograms():
        found = quantiles_util.generate_equi_width_histogram(*given)
        assert quantiles_util.generate_equi_width_histogram.__name__ == "quick"
    assert found.SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True)
    assert quantiles_util.generate_equi_width_histogram.__name__ != "quick"
