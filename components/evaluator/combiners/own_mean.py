"""The metrics of the config's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.evaluator.combiners.combiner import SumsCombiner
from components.evaluator.own_metric import MeanCombiner
from components.evaluator.rows import RowBatch


class OwnMean(SumsCombiner):
    """Sums of a function's figures and of the weights."""

    TFMA_COMBINER = MeanCombiner

    def of_rows(self, rows: RowBatch) -> np.ndarray:
        """See the base. Returns `[rows, 2]`."""
        key = self.tfma._key
        labels, predictions = rows.of_model(key.model_name)
        weights = rows.weights_of(key.model_name, weighted=bool(key.example_weighted))[:, 0]
        return np.stack([weights * self.tfma.figures(labels, predictions), weights], axis=1)

    def of_sums(self, sums: np.ndarray) -> Any:
        """See the base."""
        return sums.tolist()
