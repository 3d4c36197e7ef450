"""The bootstrap's draws, and the intervals that TFMA makes of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow_model_analysis as tfma

from components.evaluator.replicates import REPLICATES, counts
from tests.components.evaluator.evaluations import CANDIDATE, WEIGHT, config, evaluate, table

pytestmark = pytest.mark.tensorflow

_INTERVALS = """
  options { compute_confidence_intervals { value: true } confidence_intervals { method: POISSON_BOOTSTRAP } }
  metrics_specs { metrics { class_name: "MeanPrediction" } metrics { class_name: "BinaryCrossEntropy" } }
"""


def test_a_row_is_drawn_as_often_wherever_it_stands() -> None:
    hashes = np.random.default_rng(1).integers(0, 2**64, 60_000, np.uint64)
    drawn = counts(hashes, len(hashes))
    assert (drawn[:, 0] == 1).all()
    order = np.random.default_rng(2).permutation(len(hashes))
    np.testing.assert_array_equal(counts(hashes[order][:7], 7), drawn[order][:7])
    # Mean and variance of a Poisson distribution with mean 1, in each replicate and between any two of them.
    replicates = drawn[:, 1:]
    assert replicates.mean(axis=0) == pytest.approx(np.ones(REPLICATES), abs=0.02)
    assert np.cov(replicates.T) == pytest.approx(np.eye(REPLICATES), abs=0.03)


@pytest.mark.slow
def test_intervals_are_those_of_the_draws_at_any_size_of_the_batches(tmp_path: Path) -> None:
    batch = table(300, "binary", seed=3)
    pieces = [batch.slice(start, 30) for start in range(0, 300, 30)]
    asked = config(_INTERVALS, slices=("", "feature_keys: 'color'"))
    evaluate(asked, [batch], tmp_path / "whole", by_batch=True)
    evaluate(asked, pieces[::-1], tmp_path / "pieces", by_batch=True)
    whole, pieces = _errors(tmp_path / "whole"), _errors(tmp_path / "pieces")
    assert whole.keys() == pieces.keys()
    assert list(pieces.values()) == pytest.approx([whole[key] for key in pieces], rel=1e-6)
    assert min(whole.values()) > 0
    records = batch.column(tfma.constants.ARROW_INPUT_COLUMN).to_pylist()
    digests = b"".join(hashlib.blake2b(record, digest_size=8).digest() for (record,) in records)
    drawn = counts(np.frombuffer(digests, np.uint64), 300)[:, 1:]
    weights, predictions = (np.array(batch.column(name).to_pylist())[:, 0] for name in (WEIGHT, CANDIDATE))
    means = (drawn.T @ (weights * predictions)) / (drawn.T @ weights)
    assert whole["", "mean_prediction"] == pytest.approx(means.std(ddof=1), rel=1e-6)


def _errors(folder: Path) -> dict[tuple[str, str], float]:
    """Standard errors by slice and metric."""
    return {
        (str(record.slice_key), entry.key.name): entry.confidence_interval.standard_error.double_value.value
        for record in tfma.load_metrics(str(folder))
        for entry in record.metric_keys_and_values
    }
