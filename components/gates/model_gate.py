"""ModelGate: stops the run when the candidate is not good enough.

The standard Evaluator only writes its verdict; everything after it runs, and the command exits with 0. It has two more
gaps: without a baseline it passes every threshold on the change against one, so the policy for a first run is here; and
with a minimum slice size, TFMA 0.52 fails every threshold on each smaller slice ("Metric not found"), so limits per
slice are checked here.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import validation_result_pb2
from tfx.components.evaluator import constants
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.annotations import InputArtifact, OptionalInputArtifact, OutputArtifact, Parameter
from components.gates.evaluation import Evaluated, at_least, at_most, slice_name
from components.gates.model.bounds import Bounds, bound_failures
from components.gates.model.policy import Policy
from components.gates.model.prediction_check import prediction_findings
from components.gates.model.predictions import AllPredictions
from components.gates.model.served_check import served_findings
from components.gates.model.slice_check import slice_findings
from components.gates.model.verdict import bless, overridden
from components.refusal import GateRefused
from trainer.export.model_artifact import is_empty


class SliceLimits(TypedDict):
    """Limits on one metric in every slice of a feature, or of several that are crossed; None is no limit."""

    metric: str
    slice: list[str]
    min: float | None
    max: float | None
    max_drop: float | None
    max_rise: float | None


_SHOWN_FAILURES = 3
_NO_VALUE = "cannot be computed (are all labels equal, or is a class missing?)"


@component
def ModelGate(  # noqa: N802 (TFX names components as classes)
    evaluation: InputArtifact[standard_artifacts.ModelEvaluation],
    blessing: InputArtifact[standard_artifacts.ModelBlessing],
    verdict: OutputArtifact[standard_artifacts.ModelBlessing],
    slice_thresholds: Parameter[str],
    min_slice_size: Parameter[int],
    first_run: Parameter[str],
    policy: Parameter[str],
    bounds: Parameter[str] = "",
    baseline: OptionalInputArtifact[standard_artifacts.Model] = None,
    served_evaluation: OptionalInputArtifact[standard_artifacts.ModelEvaluation] = None,
    bless_anyway: Parameter[str] = "",
) -> None:
    """Refuse the candidate if it misses a threshold, or if its predictions or the served model's show a fault.

    Args:
        evaluation: the Evaluator's metrics.
        blessing: the Evaluator's verdict on all examples.
        verdict: the final one, with what is worth knowing about a candidate that passes.
        slice_thresholds: JSON list of `SliceLimits`.
        min_slice_size: examples per slice below which no limit applies.
        first_run: ``absolute_only`` lets a first model pass on its own thresholds; ``refuse`` refuses any first model.
        policy: a `components.gates.model.policy.Policy` as JSON.
        bounds: a `components.gates.model.bounds.Bounds` as JSON, to judge limits by the bounds of intervals, too; empty
            to judge by the figures alone.
        baseline: the last blessed model; None or an artifact without files in a first run.
        served_evaluation: metrics of the run that pushed the baseline; None or an artifact without files if they are
            not known.
        bless_anyway: why a candidate passes that would be refused; ML Metadata keeps it. Empty to refuse.

    Raises:
        GateRefused: names the first reasons; for a threshold the metric, slice, value and limit.
    """
    judged = Evaluated.read(evaluation.uri)
    pushed = _evaluated(served_evaluation)
    limits = Policy.model_validate_json(policy)
    found = [
        *prediction_findings(AllPredictions.load(evaluation.uri), limits),
        *served_findings(judged, pushed, limits),
        *(slice_findings(judged, pushed, min_slice_size=min_slice_size) if pushed else ()),
    ]
    failures = [each.text for each in found if each.refuses]
    if blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) != constants.BLESSED_VALUE:
        failures += evaluator_failures(tfma.load_validation_result(evaluation.uri))
    failures += slice_failures(json.loads(slice_thresholds), judged, min_slice_size=min_slice_size)
    if bounds:
        by_bounds = Bounds.model_validate_json(bounds)
        missed = bound_failures(by_bounds, evaluation.uri, judged, min_slice_size=min_slice_size)
        failures += [text for what, text in missed if not any(each.startswith(f"{what} ") for each in failures)]
    if (baseline is None or is_empty(baseline.uri)) and first_run == "refuse":
        failures.append("there is no blessed model to compare with, and gates.evaluation.first_run is 'refuse'")
    if failures and not bless_anyway:
        more = f" (and {len(failures) - _SHOWN_FAILURES} more)" if len(failures) > _SHOWN_FAILURES else ""
        raise GateRefused("; ".join(failures[:_SHOWN_FAILURES]) + more)
    notices = [overridden(text, bless_anyway) for text in failures]
    bless(verdict, like=blessing, notices=[*notices, *(each.text for each in found if not each.refuses)])


def _evaluated(evaluation: standard_artifacts.ModelEvaluation | None) -> Evaluated | None:
    return None if evaluation is None or is_empty(evaluation.uri) else Evaluated.read(evaluation.uri)


def evaluator_failures(result: validation_result_pb2.ValidationResult) -> list[str]:
    """Why the Evaluator did not bless the model: one text per failed threshold, with metric, slice, value and limit."""
    texts = [
        f"{failure.metric_key.name} of {slice_name(per_slice.slice_key) or 'all examples'} {_missed(failure)}"
        for per_slice in result.metric_validations_per_slice
        for failure in per_slice.failures
    ]
    return texts or ["the Evaluator did not bless the model and gave no reason"]


def slice_failures(thresholds: Sequence[SliceLimits], evaluated: Evaluated, *, min_slice_size: int) -> list[str]:
    """The slices that miss their limits: one text per slice and limit.

    Args:
        thresholds: the limits, each for all slices of one feature, or of several that are crossed.
        evaluated: the metrics of candidate and baseline.
        min_slice_size: examples per slice below which the slice is skipped; a limit that applies to no slice fails.
    """
    failures = []
    for threshold in thresholds:
        slices = evaluated.large(threshold["slice"], min_slice_size=min_slice_size)
        if not slices:
            sliced = ", ".join(threshold["slice"])
            failures.append(f"{sliced} has no slice of at least {min_slice_size} examples for its limit")
        for name, metrics in slices.items():
            failures.extend(_slice_failures(threshold, name, metrics, evaluated.baseline.get(name, {})))
    return failures


def _slice_failures(
    threshold: SliceLimits, name: str, metrics: Mapping[str, float], baseline: Mapping[str, float]
) -> Iterator[str]:
    metric = threshold["metric"]
    value, before = metrics[metric], baseline.get(metric, math.nan)
    what = f"{metric} of {name}"
    if math.isnan(value):
        yield f"{what} {_NO_VALUE}"
        return
    if threshold["min"] is not None and value < at_least(threshold["min"]):
        yield f"{what} {_too_low(value, threshold['min'])}"
    if threshold["max"] is not None and value > at_most(threshold["max"]):
        yield f"{what} {_too_high(value, threshold['max'])}"
    # NaN where the baseline has no value: both comparisons are then false.
    if threshold["max_drop"] is not None and value < before - threshold["max_drop"]:
        yield f"{what} {_fell(value - before, threshold['max_drop'])}"
    if threshold["max_rise"] is not None and value > before + threshold["max_rise"]:
        yield f"{what} {_rose(value - before, threshold['max_rise'])}"


def _missed(failure: validation_result_pb2.ValidationFailure) -> str:
    value, threshold = failure.metric_value.double_value.value, failure.metric_threshold
    if math.isnan(value):
        return _NO_VALUE
    if threshold.HasField("change_threshold"):
        limit = threshold.change_threshold.absolute.value
        if threshold.change_threshold.direction == tfma.MetricDirection.LOWER_IS_BETTER:
            return _rose(value, limit)
        return _fell(value, -limit)
    bounds = threshold.value_threshold
    if bounds.HasField("upper_bound"):
        return _too_high(value, bounds.upper_bound.value)
    return _too_low(value, bounds.lower_bound.value)


def _too_low(value: float, limit: float) -> str:
    return f"is {_figure(value)}, below the minimum {limit:g}"


def _too_high(value: float, limit: float) -> str:
    return f"is {_figure(value)}, above the maximum {limit:g}"


def _fell(change: float, allowed: float) -> str:
    return f"fell by {_figure(-change)} from the last blessed model, more than the allowed {allowed:g}"


def _rose(change: float, allowed: float) -> str:
    return f"rose by {_figure(change)} from the last blessed model, more than the allowed {allowed:g}"


def _figure(value: float) -> str:
    """Four decimals, or three significant digits where those decimals would all be 0."""
    return f"{value:.4f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.3g}"
