"""Mean absolute, squared, percentage and squared logarithmic error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tensorflow_model_analysis.metrics import mean_regression_error, metric_types

from components.evaluator.combiners.combiner import SumsCombiner
from components.evaluator.rows import RowBatch

_Error = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _percentage(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    # TFMA leaves rows out whose label is 0.
    nonzero = np.where(labels == 0, np.nan, labels)
    return 100 * np.abs((labels - predictions) / nonzero)


_ERRORS: dict[type, _Error] = {
    mean_regression_error._MeanAbsoluteErrorCombiner: lambda x, y: np.abs(x - y),
    mean_regression_error._MeanSquaredErrorCombiner: lambda x, y: (x - y) ** 2,
    mean_regression_error._MeanAbsolutePercentageErrorCombiner: _percentage,
    mean_regression_error._MeanSquaredLogarithmicErrorCombiner: lambda x, y: (np.log(x + 1) - np.log(y + 1)) ** 2,
}


class RegressionError(SumsCombiner):
    """Sums of errors and weights.

    TFMA 0.52 counts the first accumulator twice when it merges a list of them; here there is nothing for it to merge.
    """

    TFMA_COMBINER = mean_regression_error._MeanRegressionErrorCombiner
    KEY = "_metric_key"

    @classmethod
    def fits(cls, computation: metric_types.MetricComputation) -> bool:
        """See the base."""
        return super().fits(computation) and type(computation.combiner) in _ERRORS

    def of_rows(self, rows: RowBatch) -> np.ndarray:
        """See the base. Returns `[rows, 2]`."""
        entries = self.entries(rows)
        with np.errstate(invalid="ignore", divide="ignore"):
            errors = _ERRORS[type(self.tfma)](entries.labels, entries.predictions)
        counted = ~np.isnan(errors) * entries.weights
        return np.stack([(np.nan_to_num(errors) * counted).sum(axis=1), counted.sum(axis=1)], axis=1)

    def of_sums(self, sums: np.ndarray) -> Any:
        """See the base."""
        accumulator = self.tfma.create_accumulator()
        accumulator.total_regression_error, accumulator.total_example_weights = sums.tolist()
        return accumulator
