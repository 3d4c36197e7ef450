"""ModelGate: stops the run when the candidate is not good enough.

The standard Evaluator only writes its verdict; everything after it runs, and the command exits with 0. Two more
things it cannot do: it passes every threshold against a baseline when there is none, so the first run's policy is
decided here; and with a least slice size, TFMA 0.52 fails every threshold on each smaller slice ("Metric not
found"), so limits per slice are held here.
"""

import json
import math
from collections.abc import Iterator, Mapping

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import validation_result_pb2
from tfx.components.evaluator import constants
from tfx.dsl.component.experimental.annotations import InputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.metrics import BASELINE, CANDIDATE, EXAMPLE_COUNT, Table, metrics_by_slice, slice_name
from components.refusal import GateRefused

_SHOWN_FAILURES = 3


@component
def ModelGate(  # noqa: N802 (TFX names components as classes)
    evaluation: InputArtifact[standard_artifacts.ModelEvaluation],
    blessing: InputArtifact[standard_artifacts.ModelBlessing],
    slice_thresholds: Parameter[str],
    min_slice_size: Parameter[int],
    first_run: Parameter[str],
    baseline: InputArtifact[standard_artifacts.Model] = None,
) -> None:
    """Refuse the candidate if it missed a threshold.

    Args:
        evaluation: from the Evaluator.
        blessing: the Evaluator's verdict on all examples.
        slice_thresholds: JSON list of objects with ``metric``, ``slice`` (a feature), ``min`` and ``max_drop``.
        min_slice_size: slices with fewer examples have no limits.
        first_run: ``absolute_only`` lets a first model pass on its own thresholds, ``refuse`` never does.
        baseline: the last blessed model; absent in a first run.

    Raises:
        GateRefused: with the metric, slice, value and limit of the first failures.
    """
    blessed = blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) == constants.BLESSED_VALUE
    failures = [] if blessed else evaluator_failures(tfma.load_validation_result(evaluation.uri))
    failures += slice_failures(
        json.loads(slice_thresholds),
        candidate=metrics_by_slice(evaluation.uri, CANDIDATE),
        baseline=metrics_by_slice(evaluation.uri, BASELINE),
        min_slice_size=min_slice_size,
    )
    if baseline is None and first_run == "refuse":
        failures.append("there is no blessed model to compare with, and gates.evaluation.first_run is 'refuse'")
    if failures:
        more = f" (and {len(failures) - _SHOWN_FAILURES} more)" if len(failures) > _SHOWN_FAILURES else ""
        raise GateRefused("; ".join(failures[:_SHOWN_FAILURES]) + more)


def evaluator_failures(result: validation_result_pb2.ValidationResult) -> list[str]:
    """Why the Evaluator did not bless, one text per failed threshold: metric, slice, value and limit."""
    texts = [
        f"{failure.metric_key.name} of {slice_name(per_slice.slice_key) or 'all examples'} {_missed(failure)}"
        for per_slice in result.metric_validations_per_slice
        for failure in per_slice.failures
    ]
    return texts or ["the Evaluator did not bless the model, and names no reason"]


def slice_failures(
    thresholds: list[Mapping[str, object]], *, candidate: Table, baseline: Table, min_slice_size: int
) -> list[str]:
    """Which slices missed their limits, one text per slice and limit.

    Args:
        thresholds: see `ModelGate`.
        candidate: the candidate's metrics by slice.
        baseline: the last blessed model's; empty in a first run.
        min_slice_size: slices with fewer examples are passed over; a limit that no slice is left for is a failure.
    """
    failures = []
    for threshold in thresholds:
        slices = {
            name: metrics
            for name, metrics in candidate.items()
            if name.startswith(f"{threshold['slice']}=") and metrics[EXAMPLE_COUNT] >= min_slice_size
        }
        if not slices:
            failures.append(f"{threshold['slice']} has no slice of {min_slice_size} examples to hold its limit against")
        for name, metrics in slices.items():
            failures.extend(_slice_failures(threshold, name, metrics, baseline.get(name, {})))
    return failures


def _slice_failures(
    threshold: Mapping[str, object], name: str, metrics: Mapping[str, float], baseline: Mapping[str, float]
) -> Iterator[str]:
    metric = threshold["metric"]
    value, before = metrics[metric], baseline.get(metric)
    if math.isnan(value):
        yield f"{metric} of {name} cannot be computed (are all its labels equal?)"
        return
    if threshold["min"] is not None and value < threshold["min"]:
        yield f"{metric} of {name} is {value:.4f}, at least {threshold['min']:g} is wanted"
    if threshold["max_drop"] is not None and before is not None and value < before - threshold["max_drop"]:
        yield _dropped(f"{metric} of {name}", value - before, threshold["max_drop"])


def _missed(failure: validation_result_pb2.ValidationFailure) -> str:
    value, threshold = failure.metric_value.double_value.value, failure.metric_threshold
    if threshold.HasField("change_threshold"):
        return _dropped("", value, -threshold.change_threshold.absolute.value).lstrip()
    if math.isnan(value):
        return "cannot be computed (are all labels equal?)"
    return f"is {value:.4f}, at least {threshold.value_threshold.lower_bound.value:g} is wanted"


def _dropped(what: str, change: float, allowed: float) -> str:
    return f"{what} fell by {-change:.4f} against the last blessed model, {allowed:g} is allowed"
