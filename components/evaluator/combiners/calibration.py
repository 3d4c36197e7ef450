"""Weighted sums of labels, predictions and examples: TFMA's Calibration, MeanLabel and MeanPrediction."""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorflow_model_analysis.metrics import calibration

from components.evaluator.combiners.combiner import SumsCombiner
from components.evaluator.rows import RowBatch


class WeightedMeans(SumsCombiner):
    """What TFMA divides to a mean label, a mean prediction or their ratio."""

    TFMA_COMBINER = calibration._WeightedLabelsPredictionsExamplesCombiner

    def of_rows(self, rows: RowBatch) -> np.ndarray:
        """See the base. Returns `[rows, 3]`."""
        entries = self.entries(rows)
        weights = entries.weights
        columns = (weights * entries.labels, weights * entries.predictions, weights + 0 * entries.labels)
        return np.stack([column.sum(axis=1) for column in columns], axis=1)

    def of_sums(self, sums: np.ndarray) -> Any:
        """See the base."""
        accumulator = self.tfma.create_accumulator()
        accumulator.total_weighted_labels = sums[0]
        accumulator.total_weighted_predictions = sums[1]
        accumulator.total_weighted_examples = sums[2]
        return accumulator
