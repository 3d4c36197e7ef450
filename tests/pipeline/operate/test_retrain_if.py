"""What ``retrain-if --drift`` takes for drift, of all that the data gate says."""

from __future__ import annotations

import pytest

from pipeline.operate.retrain_if import moved


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("DRIFT_NUMBERS", True),
        ("DRIFT_CATEGORIES", True),
        ("DRIFT_MISSING", True),
        ("DRIFT_LABEL", True),
        ("COMPARATOR_L_INFTY_HIGH", True),
        ("TYPE_CHANGED", True),
        ("DRIFT_DUPLICATES", False),
        ("DRIFT_ROWS", False),
        ("SKEW_NUMBERS", False),
        ("CODE_OUT_OF_RANGE", False),
    ],
)
def test_a_column_or_label_that_moved_is_drift_whatever_measured_it(reason, expected):
    text = f"train/fare: is not as before ({reason}) (and 1 more); accept it with gates.data.drift.exceptions"
    assert moved([text]) == ([text] if expected else [])
