"""The expected calibration error, which TFMA lacks; made of its calibration histogram, so computed by batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorflow_model_analysis.metrics import calibration_histogram, metric_types, metric_util
from tensorflow_model_analysis.proto import config_pb2

_NAME = "calibration_error"
_BUCKETS = 10


class CalibrationError(metric_types.Metric):
    """How far predicted probabilities lie from how often they come true, on average over the examples.

    Predictions are put into buckets of equal width; in each, the share of positives is compared with the mean
    prediction.

    Args:
        num_buckets: how many.
        name: of the metric.
    """

    def __init__(self, num_buckets: int = _BUCKETS, name: str = _NAME):
        super().__init__(metric_util.merge_per_key_computations(_computations), num_buckets=num_buckets, name=name)


metric_types.register_metric(CalibrationError)


def _computations(
    num_buckets: int = _BUCKETS,
    name: str = _NAME,
    eval_config: config_pb2.EvalConfig | None = None,
    model_name: str = "",
    output_name: str = "",
    sub_key: metric_types.SubKey | None = None,
    aggregation_type: metric_types.AggregationType | None = None,
    class_weights: dict[int, float] | None = None,
    example_weighted: bool = False,
) -> metric_types.MetricComputations:
    # TFMA looks at the names of these parameters to know what to pass.
    computations = calibration_histogram.calibration_histogram(
        eval_config=eval_config,
        model_name=model_name,
        output_name=output_name,
        sub_key=sub_key,
        aggregation_type=aggregation_type,
        class_weights=class_weights,
        example_weighted=example_weighted,
    )
    histogram_key = computations[-1].keys[-1]
    key = metric_types.MetricKey(
        name=name,
        model_name=model_name,
        output_name=output_name,
        sub_key=sub_key,
        example_weighted=example_weighted,
    )
    thresholds = [float("-inf"), *np.linspace(0, 1, num_buckets + 1)[1:-1].tolist()]

    def result(metrics: dict[metric_types.MetricKey, Any]) -> dict[metric_types.MetricKey, Any]:
        buckets = calibration_histogram.rebin(thresholds, metrics[histogram_key])
        total = sum(bucket.weighted_examples for bucket in buckets)
        apart = sum(abs(bucket.weighted_labels - bucket.weighted_predictions) for bucket in buckets)
        return {key: apart / total if total else float("nan")}

    computations.append(metric_types.DerivedMetricComputation(keys=[key], result=result))
    return computations
