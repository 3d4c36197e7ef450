"""TFMA's EvalConfig for a TF Lite file: the SavedModel's metrics, over the transformed examples."""

from __future__ import annotations

import json
from collections.abc import Iterable

import tensorflow_model_analysis as tfma

from pipeline.config.lite import LiteThreshold
from pipeline.config.loading import ConfigError


def eval_config(served: tfma.EvalConfig, *, thresholds: Iterable[LiteThreshold]) -> tfma.EvalConfig:
    """What the Evaluator computes for a TF Lite file.

    The metrics are those of the SavedModel, with the same options, so that the two can be compared; their limits are
    left out, since LiteGate holds the difference. The transformed examples hold label and weight under the names by
    which the SavedModel's evaluation knows them; they hold no raw feature, so there are no slices.

    Args:
        served: the SavedModel's evaluation.
        thresholds: the limits that LiteGate will hold.

    Raises:
        ConfigError: a limit is on a metric that is not computed.
    """
    [spec] = served.model_specs
    config = tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                model_type=tfma.TF_LITE, label_key=spec.label_key, example_weight_key=spec.example_weight_key
            )
        ],
        slicing_specs=[tfma.SlicingSpec()],
        metrics_specs=served.metrics_specs,
    )
    metrics = [metric for specs in config.metrics_specs for metric in specs.metrics]
    for metric in metrics:
        metric.ClearField("threshold")
        metric.ClearField("per_slice_thresholds")
    known = sorted(json.loads(metric.config)["name"] for metric in metrics if metric.config)
    for index, threshold in enumerate(thresholds):
        if threshold.metric not in known:
            raise ConfigError(
                f"lite.thresholds.{index}.metric: the SavedModel is not evaluated by {threshold.metric!r}, but by "
                f"{', '.join(known)}; what has a limit under gates.evaluation.thresholds is there, too."
            )
    return config
