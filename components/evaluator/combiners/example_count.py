"""The number of examples, or the sum of their weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorflow_model_analysis.metrics import example_count, metric_types

from components.evaluator.combiners.combiner import SumsCombiner
from components.evaluator.rows import RowBatch


class ExampleCount(SumsCombiner):
    """TFMA's ExampleCount and WeightedExampleCount."""

    TFMA_COMBINER = example_count._ExampleCountCombiner

    @classmethod
    def fits(cls, computation: metric_types.MetricComputation) -> bool:
        """See the base. The preprocessor, which all counts have, only picks the weights."""
        combiner: Any = computation.combiner
        return isinstance(combiner, cls.TFMA_COMBINER) and not combiner._output_name

    def of_rows(self, rows: RowBatch) -> np.ndarray:
        """See the base. Returns the weights, `[rows, 1]`."""
        return rows.weights_of(self.tfma._model_name, weighted=self.tfma._example_weighted)

    def of_sums(self, sums: np.ndarray) -> float:
        """See the base."""
        return float(sums[0])
