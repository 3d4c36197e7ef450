"""The calibration histogram: TFMA's AUC, AUCPrecisionRecall and plots are all derived from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from tensorflow_model_analysis.metrics import calibration_histogram

from components.evaluator.combiners.combiner import BatchCombiner
from components.evaluator.combiners.labels import require_shares
from components.evaluator.rows import RowBatch


@dataclass(frozen=True)
class BucketSums:
    """Buckets that hold anything.

    Attributes:
        buckets: int64 `[buckets]`, ascending.
        sums: float64 `[buckets, samples, 3]`: weighted labels, weighted predictions, weights.
    """

    buckets: np.ndarray
    sums: np.ndarray


class CalibrationHistogram(BatchCombiner):
    """Weights, labels and predictions by bucket of the prediction."""

    TFMA_COMBINER = calibration_histogram._CalibrationHistogramCombiner

    def of_rows(self, rows: RowBatch) -> tuple[np.ndarray, np.ndarray]:
        """See the base. Returns the buckets, int64 `[rows, entries]`, and the values, `[rows, entries, 3]`."""
        tfma, entries = self.tfma, self.entries(rows)
        if tfma._fractional_labels:
            require_shares(entries.labels)
        position = entries.predictions if tfma._prediction_based_bucketing else entries.labels
        place = (position - tfma._left) / tfma._range * tfma._num_buckets + 1
        buckets = np.clip(place, 0, tfma._num_buckets + 1).astype(np.int64)
        values = (entries.labels, entries.predictions, np.ones_like(entries.labels))
        return buckets, np.stack([entries.weights * value for value in values], axis=2)

    def of_slice(self, added: Any, indices: np.ndarray, counts: np.ndarray) -> BucketSums:
        """See the base."""
        buckets, values = (part[indices] for part in added)
        entries = buckets.shape[1]
        # One row per entry, and one column per sample and value.
        weighted = (counts[:, None, :, None] * values[:, :, None, :]).reshape(len(indices) * entries, -1)
        return _group(buckets.reshape(-1), weighted.reshape(-1, counts.shape[1], 3))

    def merge(self, first: BucketSums, second: BucketSums) -> BucketSums:
        """See the base."""
        return _group(np.concatenate([first.buckets, second.buckets]), np.concatenate([first.sums, second.sums]))

    def accumulator(self, statistic: BucketSums, sample: int) -> dict[int, calibration_histogram.Bucket]:
        """See the base."""
        sums = statistic.sums[:, sample]
        used = sums[:, 2] > 0
        return {
            bucket: calibration_histogram.Bucket(bucket, *values)
            for bucket, values in zip(statistic.buckets[used].tolist(), sums[used].tolist(), strict=True)
        }


def _group(buckets: np.ndarray, values: np.ndarray) -> BucketSums:
    order = np.argsort(buckets, kind="stable")
    distinct, starts = np.unique(buckets[order], return_index=True)
    return BucketSums(distinct, np.add.reduceat(values[order], starts, axis=0))
