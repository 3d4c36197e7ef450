"""A metric of the config's own: the mean of what a function makes of each example, as the trainer computes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.proto import config_pb2

from trainer.objectives.function import METRICS, OwnMetric

_NAME = "own_metric"
_Accumulator = list[float]


class MeanOfFunction(metric_types.Metric):
    """The weighted mean of a function of label and prediction.

    Args:
        function: a `trainer.objectives.function.OwnMetric` as JSON.
        code: digest of its sources; only for the cache key.
        name: of the metric.
    """

    def __init__(self, function: str, code: str = "", name: str = _NAME):
        computations = metric_util.merge_per_key_computations(_computations)
        super().__init__(computations, function=function, code=code, name=name)


metric_types.register_metric(MeanOfFunction)


class MeanCombiner(beam.CombineFn):
    """Adds up weighted figures and weights.

    Args:
        key: of the metric.
        function: as of `MeanOfFunction`.
        config: TFMA's.
    """

    _aggregation_type, _class_weights = None, None

    def __init__(self, key: metric_types.MetricKey, function: str, config: config_pb2.EvalConfig | None):
        super().__init__()
        self._key = key
        self._config = config
        self._described = function
        self._function: Callable[..., Any] | None = None

    def setup(self, *arguments: Any, **keywords: Any) -> None:
        """Load the function, which is not sent to the workers."""
        del arguments, keywords
        self._function = OwnMetric.model_validate_json(self._described).load(METRICS)

    def figures(self, labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
        """The figure of each example, float64 ``[rows]``.

        Args:
            labels: ``[rows, 1]``.
            predictions: ``[rows, units]``.
        """
        from trainer.objectives.chosen import of_rows

        if self._function is None:
            self.setup()
        assert self._function is not None
        found = of_rows(self._function, labels, predictions, what=f"trainer.metrics.{self._key.name}")
        return np.asarray(found, np.float64)

    def create_accumulator(self) -> _Accumulator:
        """Sum of the figures, and of the weights."""
        return [0.0, 0.0]

    def add_input(self, accumulator: _Accumulator, element: metric_types.StandardMetricInputs) -> _Accumulator:
        """Add an example, where they come one at a time."""
        found = metric_util.to_label_prediction_example_weight(
            element,
            eval_config=self._config,
            model_name=self._key.model_name,
            output_name=self._key.output_name,
            example_weighted=bool(self._key.example_weighted),
            flatten=False,
        )
        for label, prediction, weights in found:
            weight = float(weights.reshape(-1)[0])
            [figure] = self.figures(label.reshape(1, -1), prediction.reshape(1, -1))
            accumulator = [accumulator[0] + weight * figure, accumulator[1] + weight]
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[_Accumulator]) -> _Accumulator:
        """Add up."""
        return np.sum(list(accumulators), axis=0).tolist()

    def extract_output(self, accumulator: _Accumulator) -> Mapping[metric_types.MetricKey, float]:
        """The mean; NaN without weights."""
        total, weight = accumulator
        return {self._key: total / weight if weight else float("nan")}


def _computations(
    function: str,
    code: str = "",
    name: str = _NAME,
    eval_config: config_pb2.EvalConfig | None = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,
) -> metric_types.MetricComputations:
    # TFMA looks at the names of these parameters to know what to pass.
    del code
    key = metric_types.MetricKey(
        name=name, model_name=model_name, output_name=output_name, example_weighted=example_weighted
    )
    return [
        metric_types.MetricComputation(
            keys=[key], preprocessors=None, combiner=MeanCombiner(key, function, eval_config)
        )
    ]
