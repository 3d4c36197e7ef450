"""TFMA's EvalConfig and ModelGate's policy from the evaluation gate's configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from components.gates.evaluation import at_least, at_most
from components.gates.model.bounds import Bounds
from components.gates.model.policy import Policy
from pipeline.config.gates.evaluation import EvaluationGate, MetricLimit
from pipeline.config.gates.metrics import SERVED, SHOWN, TOP_K, Metric, known_metrics
from pipeline.sources import source_digest
from trainer.export.saved_model import TRANSFORM_FEATURES
from trainer.features.transformed import EXAMPLE_WEIGHT_KEY, LABEL_KEY
from trainer.models.heads import head_of
from trainer.objectives.function import METRICS as OWN_METRICS
from trainer.parameters import Label, Parameters, Task


def eval_config(gate: EvaluationGate, *, parameters: Parameters) -> config_pb2.EvalConfig:
    """Metrics, slices and thresholds for the Evaluator.

    The label comes from the model's own ``transform_features`` signature and the prediction from
    ``serving_default``, so the Evaluator judges what will be served. ModelGate applies the limits per slice.

    Args:
        gate: limits and slices.
        parameters: the label's task decides on the metrics and on the model's output; an example weight, which
            ``transform_features`` then returns, is used by all metrics.
    """
    label, weighted = parameters.label, parameters.example_weight is not None
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                model_type=tfma.TF_GENERIC,
                signature_name="serving_default",
                prediction_key=head_of(label).output,
                label_key=LABEL_KEY,
                example_weight_key=EXAMPLE_WEIGHT_KEY if weighted else "",
                preprocessing_function_names=[TRANSFORM_FEATURES],
            )
        ],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            *(config_pb2.SlicingSpec(feature_keys=columns) for columns in gate.sliced()),
        ],
        metrics_specs=_metrics_specs(gate.thresholds, parameters),
        options=_intervals() if gate.confidence else None,
    )


def bounds(gate: EvaluationGate) -> Bounds | None:
    """What ModelGate judges by the bounds of intervals; None to judge by the figures alone."""
    if gate.confidence is None or gate.confidence.judge == "point":
        return None
    return Bounds(level=gate.confidence.level, thresholds=tuple(each.limits() for each in gate.thresholds))


def _intervals() -> config_pb2.Options:
    options = config_pb2.Options()
    options.compute_confidence_intervals.value = True
    options.confidence_intervals.method = config_pb2.ConfidenceIntervalOptions.POISSON_BOOTSTRAP
    return options


def policy(gate: EvaluationGate, task: Task) -> Policy:
    """What ModelGate is to know of predictions and of the served model.

    Args:
        gate: the limits.
        task: the label's.
    """
    return Policy(
        probabilities=task != "regression",
        constant_predictions=gate.constant_predictions,
        distance_warn=gate.distance_warn,
        distance_refuse=gate.distance_refuse,
        served_metrics=SERVED[task],
        served_max_drop=gate.served_max_drop,
        served_max_rise=gate.served_max_rise,
    )


def _metrics_specs(thresholds: Sequence[MetricLimit], parameters: Parameters) -> list[config_pb2.MetricsSpec]:
    label, table = parameters.label, _with_code(known_metrics(parameters), parameters)
    # What is asked of a metric, by its name in results.
    asked = {name: (name, None) for name in (*SHOWN[label.task], *parameters.metrics)}
    asked |= {threshold.name: (threshold.metric, threshold.at) for threshold in thresholds}
    overall = {threshold.name: threshold for threshold in thresholds if threshold.slice is None}

    def configs(*, per_class: bool) -> list[config_pb2.MetricConfig]:
        return [
            _metric(name, table[metric], overall.get(name), at=at, label=label)
            for name, (metric, at) in asked.items()
            if table[metric].per_class is per_class
        ]

    # The size of a slice is its number of examples, regardless of their weights.
    count = config_pb2.MetricsSpec(metrics=[config_pb2.MetricConfig(class_name="ExampleCount")])
    count.example_weights.unweighted = True
    specs = [count, config_pb2.MetricsSpec(metrics=configs(per_class=False))]
    averaged = configs(per_class=True)
    if averaged:
        spec = config_pb2.MetricsSpec(metrics=averaged)
        spec.aggregate.macro_average = True
        # With weights by class, and no binarize, TFMA returns the average alone.
        spec.aggregate.class_weights.update(dict.fromkeys(range(len(label.class_names())), 1.0))
        specs.append(spec)
    return specs


def _with_code(table: Mapping[str, Metric], parameters: Parameters) -> dict[str, Metric]:
    """With a digest of the source in each of the config's own metrics, for the cache key."""
    codes = {name: source_digest(metric.path(OWN_METRICS)) for name, metric in parameters.metrics.items()}
    return {
        name: replace(metric, options={**metric.options, "code": codes[name]}) if name in codes else metric
        for name, metric in table.items()
    }


def _metric(
    name: str, metric: Metric, threshold: MetricLimit | None, *, at: float | None, label: Label
) -> config_pb2.MetricConfig:
    options: dict[str, Any] = {"name": name, **metric.options}
    if metric.threshold and isinstance(label.threshold, float):
        options[metric.threshold] = label.threshold
    if metric.at and at is not None:
        options[metric.at] = int(at) if metric.at == TOP_K else at
    config = config_pb2.MetricConfig(class_name=metric.tfma_class, module=metric.module, config=json.dumps(options))
    if threshold is not None:
        # A plain ``threshold`` would apply to every slice; the empty slicing spec stands for all examples.
        config.per_slice_thresholds.append(
            config_pb2.PerSliceMetricThreshold(slicing_specs=[config_pb2.SlicingSpec()], threshold=_limits(threshold))
        )
    return config


def _limits(threshold: MetricLimit) -> config_pb2.MetricThreshold:
    limits = config_pb2.MetricThreshold()
    if threshold.min is not None:
        limits.value_threshold.lower_bound.value = at_least(threshold.min)
    if threshold.max is not None:
        limits.value_threshold.upper_bound.value = at_most(threshold.max)
    if threshold.max_drop is not None:
        limits.change_threshold.direction = config_pb2.MetricDirection.HIGHER_IS_BETTER
        limits.change_threshold.absolute.value = -threshold.max_drop
    if threshold.max_rise is not None:
        limits.change_threshold.direction = config_pb2.MetricDirection.LOWER_IS_BETTER
        limits.change_threshold.absolute.value = threshold.max_rise
    return limits
