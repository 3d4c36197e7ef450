"""Moments of labels and predictions: TFMA's SquaredPearsonCorrelation."""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorflow_model_analysis.metrics import squared_pearson_correlation

from components.evaluator.combiners.combiner import SumsCombiner
from components.evaluator.rows import RowBatch

_SUMS = (
    "total_weighted_labels",
    "total_weighted_predictions",
    "total_weighted_squared_labels",
    "total_weighted_squared_predictions",
    "total_weighted_labels_times_predictions",
    "total_weighted_examples",
)


class SquaredCorrelation(SumsCombiner):
    """The sums from which the squared correlation follows."""

    TFMA_COMBINER = squared_pearson_correlation._SquaredPearsonCorrelationCombiner

    def of_rows(self, rows: RowBatch) -> np.ndarray:
        """See the base. Returns `[rows, 6]`."""
        entries = self.entries(rows)
        x, y = entries.labels, entries.predictions
        moments = (x, y, x**2, y**2, x * y, np.ones_like(x))
        return np.stack([(entries.weights * moment).sum(axis=1) for moment in moments], axis=1)

    def of_sums(self, sums: np.ndarray) -> Any:
        """See the base."""
        accumulator = self.tfma.create_accumulator()
        for name, value in zip(_SUMS, sums.tolist(), strict=True):
            setattr(accumulator, name, value)
        return accumulator
