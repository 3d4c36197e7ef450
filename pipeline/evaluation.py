"""TFMA's EvalConfig from the evaluation gate's configuration."""

from __future__ import annotations

import json

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from pipeline.config import EvaluationGate, Metric, Threshold
from trainer.export import TRANSFORM_FEATURES
from trainer.features import LABEL_KEY
from trainer.heads import PROBABILITY

# TFMA's metric class for each name in a config.
_CLASSES: dict[Metric, str] = {
    "auc": "AUC",
    "auc_precision_recall": "AUCPrecisionRecall",
    "accuracy": "BinaryAccuracy",
    "precision": "Precision",
    "recall": "Recall",
}
# TFMA's default of 10,000 thresholds costs seconds with many slices; 2,000 give the same four digits.
_OPTIONS: dict[Metric, dict[str, int]] = {
    "auc": {"num_thresholds": 2000},
    "auc_precision_recall": {"num_thresholds": 2000},
}
_ALWAYS_SHOWN: tuple[Metric, ...] = ("auc", "accuracy")


def eval_config(gate: EvaluationGate) -> tfma.EvalConfig:
    """Metrics, slices and thresholds for the Evaluator.

    The label comes from the model's own ``transform_features`` signature and the prediction from
    ``serving_default``, so that what is evaluated is what will be served. Limits per slice are ModelGate's.
    """
    names = dict.fromkeys([*_ALWAYS_SHOWN, *(threshold.metric for threshold in gate.thresholds)])
    metrics = [tfma.MetricConfig(class_name="ExampleCount")]
    for name in names:
        metric = tfma.MetricConfig(
            class_name=_CLASSES[name], config=json.dumps({"name": name, **_OPTIONS.get(name, {})})
        )
        for threshold in gate.thresholds:
            if threshold.metric == name and threshold.slice is None:
                _add_threshold(metric, threshold)
        metrics.append(metric)
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                model_type=tfma.TF_GENERIC,
                signature_name="serving_default",
                prediction_key=PROBABILITY,
                label_key=LABEL_KEY,
                preprocessing_function_names=[TRANSFORM_FEATURES],
            )
        ],
        slicing_specs=[tfma.SlicingSpec(), *(tfma.SlicingSpec(feature_keys=[name]) for name in gate.slices)],
        metrics_specs=[tfma.MetricsSpec(metrics=metrics)],
    )


def _add_threshold(metric: tfma.MetricConfig, threshold: Threshold) -> None:
    limit = tfma.MetricThreshold()
    if threshold.min is not None:
        limit.value_threshold.lower_bound.value = threshold.min
    if threshold.max_drop is not None:
        limit.change_threshold.direction = tfma.MetricDirection.HIGHER_IS_BETTER
        limit.change_threshold.absolute.value = -threshold.max_drop
    # A plain ``threshold`` would hold in every slice; the empty slicing spec stands for all examples.
    metric.per_slice_thresholds.append(
        config_pb2.PerSliceMetricThreshold(slicing_specs=[tfma.SlicingSpec()], threshold=limit)
    )
