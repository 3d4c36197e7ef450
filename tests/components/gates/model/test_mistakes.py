"""The worst mistakes: by the label's task, with what is no number first."""

import numpy as np
import pytest

from components.gates.evaluation import BASELINE, CANDIDATE
from components.gates.model.mistakes import worst, worst_records
from components.gates.model.scored_rows import ScoredRows

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize(
    ("task", "labels", "predictions", "expected"),
    [
        ("binary", [1, 0, 1, 0], [[0.9], [0.8], [0.3], [np.nan]], [3, 1, 2]),
        ("regression", [10, 10, -5], [[12], [3], [-5.5]], [1, 0, 2]),
        ("multiclass", [0, 1, 2, -1], [[0.7, 0.2, 0.1], [0.6, 0.1, 0.3], [0.2, 0.2, 0.6], [1, 0, 0]], [1, 2, 0]),
    ],
)
def test_the_farthest_from_the_truth_come_first(task, labels, predictions, expected):
    assert worst(np.array(labels, float), np.array(predictions), task=task, most=3).tolist() == expected


def test_the_records_are_the_candidate_s_without_those_that_were_not_kept():
    rows = ScoredRows(
        hashes=np.arange(3, dtype=np.uint64),
        labels=np.array([1.0, 1.0, 1.0]),
        weights=np.ones(3),
        predictions={BASELINE: np.array([[0.1], [0.9], [0.9]]), CANDIDATE: np.array([[0.9], [0.2], [0.1]])},
        records=(b"good", b"bad", None),
    )
    assert worst_records(rows, task="binary", most=1) == [b"bad"]
    assert worst_records(rows, task="binary", most=9) == [b"bad", b"good"]
