"""Keras' metrics that are a mean of one value per row, such as SparseCategoricalAccuracy."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import tf_keras
from tensorflow_model_analysis.metrics import metric_types, tf_metric_wrapper

from components.evaluator.combiners.combiner import SumsCombiner
from components.evaluator.rows import RowBatch


class KerasMeans(SumsCombiner):
    """The totals and weights of such metrics, which TFMA keeps in one combiner."""

    TFMA_COMBINER = tf_metric_wrapper._CompilableMetricsCombiner

    @classmethod
    def fits(cls, computation: metric_types.MetricComputation) -> bool:
        """See the base. Losses, several outputs, top k and metrics with more state need TFMA's own way."""
        combiner: Any = computation.combiner
        if not isinstance(combiner, cls.TFMA_COMBINER) or computation.preprocessors:
            return False
        if combiner._output_names != [""] or any(combiner._loss_configs):
            return False
        if combiner._sub_key is not None or combiner._aggregation_type is not None or combiner._class_weights:
            return False
        # A copy: Keras' metrics are rebuilt in each worker, and are not sent there.
        looked_at = copy.copy(combiner)
        looked_at.setup()
        return all(isinstance(metric, _KINDS) for metric in looked_at._metrics[""])

    def of_rows(self, rows: RowBatch) -> np.ndarray:
        """See the base. Returns `[rows, 1 + metrics]`: the weights, then each metric's weighted values."""
        labels, predictions = rows.of_model(self.tfma._model_name)
        weights = rows.weights_of(self.tfma._model_name, weighted=self.tfma._example_weighted)
        values = [_values(metric, labels, predictions) for metric in self._metrics]
        return np.concatenate([weights, weights * np.stack(values, axis=1)], axis=1)

    def of_sums(self, sums: np.ndarray) -> Any:
        """See the base."""
        accumulator = self.tfma.create_accumulator()
        for index, total in enumerate(sums[1:]):
            accumulator.add_weights(0, index, [np.float32(total), np.float32(sums[0])])
        return accumulator

    @property
    def _metrics(self) -> list[tf_keras.metrics.Metric]:
        return self.tfma._metrics[""]


_KINDS = (tf_keras.metrics.MeanMetricWrapper, tf_keras.metrics.RootMeanSquaredError)


def _values(metric: tf_keras.metrics.Metric, labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Each row's value, float64 `[rows]`."""
    if isinstance(metric, tf_keras.metrics.RootMeanSquaredError):
        return ((predictions - labels) ** 2).mean(axis=1)
    # Keras computes in float32.
    values = metric._fn(labels.astype(np.float32), predictions.astype(np.float32), **metric._fn_kwargs)
    return np.asarray(values, np.float64).reshape(len(labels))
