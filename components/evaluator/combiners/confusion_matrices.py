"""Confusion matrices at given thresholds: TFMA's BinaryAccuracy, Precision, Recall, F1Score and their kin."""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorflow_model_analysis.contrib.aggregates import binary_confusion_matrices as aggregates
from tensorflow_model_analysis.metrics import binary_confusion_matrices, metric_types

from components.evaluator.combiners.combiner import SumsCombiner
from components.evaluator.combiners.labels import require_shares
from components.evaluator.rows import RowBatch


class ConfusionMatrices(SumsCombiner):
    """Weights of true and false positives and negatives at each threshold."""

    TFMA_COMBINER = binary_confusion_matrices._BinaryConfusionMatrixCombiner

    @classmethod
    def fits(cls, computation: metric_types.MetricComputation) -> bool:
        """See the base. Samples of examples need TFMA's own way."""
        combiner: Any = computation.combiner
        return (
            super().fits(computation)
            and not combiner._example_id_key
            and combiner._extract_label_prediction_and_weight
            is binary_confusion_matrices.metric_util.to_label_prediction_example_weight
        )

    def of_rows(self, rows: RowBatch) -> np.ndarray:
        """See the base. Returns `[rows, 4 * thresholds]`."""
        entries = self.entries(rows)
        shares = self.tfma._enable_fractional_labels
        if shares:
            require_shares(entries.labels)
        columns = []
        for threshold in self._thresholds:
            positive = entries.labels if shares else (entries.labels > threshold).astype(np.float64)
            predicted = entries.predictions > threshold
            negative, refused = 1 - positive, ~predicted
            for label, answer in (
                (positive, predicted),
                (negative, refused),
                (negative, predicted),
                (positive, refused),
            ):
                columns.append((entries.weights * label * answer).sum(axis=1))
        return np.stack(columns, axis=1)

    def of_sums(self, sums: np.ndarray) -> Any:
        """See the base."""
        return {
            threshold: aggregates._ThresholdEntry(
                aggregates.Matrix(tp=tp, tn=tn, fp=fp, fn=fn),
                tp_examples=[],
                tn_examples=[],
                fp_examples=[],
                fn_examples=[],
            )
            for threshold, (tp, tn, fp, fn) in zip(self._thresholds, sums.reshape(-1, 4).tolist(), strict=True)
        }

    @property
    def _thresholds(self) -> list[float]:
        return self.tfma._binary_confusion_matrices._thresholds
