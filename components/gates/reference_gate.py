"""ReferenceGate: stops the run when the candidate is much worse than boosted trees on the same rows."""

from collections.abc import Mapping

from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.annotations import InputArtifact, OutputArtifact, Parameter
from components.gates.evaluation import ALL_EXAMPLES, CANDIDATE, metrics_by_slice
from components.gates.model.verdict import overridden, tell
from components.reference.component import load
from components.refusal import GateRefused

# The metric of each task by which models are compared, and whether its distance from 1 is the error.
_COMPARED = (("auc", True), ("root_mean_squared_error", False), ("accuracy", True))


@component
def ReferenceGate(  # noqa: N802 (TFX names components as classes)
    evaluation: InputArtifact[standard_artifacts.ModelEvaluation],
    reference: InputArtifact[standard_artifacts.ModelEvaluation],
    notices: OutputArtifact[standard_artifacts.ModelEvaluation],
    refuse: Parameter[float],
    bless_anyway: Parameter[str] = "",
) -> None:
    """Refuse a candidate whose error is much larger than that of boosted trees.

    Args:
        evaluation: the Evaluator's metrics.
        reference: the `Reference` node's.
        notices: what would have been refused.
        refuse: by which share the error may be larger.
        bless_anyway: why a candidate passes that would be refused; ML Metadata keeps it. Empty to refuse.

    Raises:
        GateRefused: it is larger; with both figures.
    """
    failure = _failure(evaluation.uri, reference.uri, refuse)
    if failure and not bless_anyway:
        raise GateRefused(failure)
    tell(notices, [overridden(failure, bless_anyway)] if failure else [])


def _failure(evaluation_uri: str, reference_uri: str, refuse: float) -> str:
    """Why the candidate does not pass; empty if it does."""
    found = compare(metrics_by_slice(evaluation_uri, CANDIDATE)[ALL_EXAMPLES], load(reference_uri))
    if found is None:
        return "the model and the reference have no metric in common; set gates.evaluation.reference: null"
    metric, ours, theirs, ratio = found
    if ratio > 1 + refuse:
        return (
            f"{metric} is {ours:.4g}, and that of boosted trees on the same rows {theirs:.4g}: the error is "
            f"{ratio:.2f} times as large, more than the allowed {1 + refuse:g} (gates.evaluation.reference_refuse)"
        )
    return ""


def compare(model: Mapping[str, float], reference: Mapping[str, float]) -> tuple[str, float, float, float] | None:
    """How a model's error compares with the reference's.

    Args:
        model: metrics of the model by name.
        reference: those of the reference.

    Returns:
        The metric, both values, and the ratio of the errors, which are 1 - AUC, 1 - accuracy, or the root of the mean
        squared error; None if they have no metric in common.
    """
    for metric, rises in _COMPARED:
        if metric in model and metric in reference:
            ours, theirs = model[metric], reference[metric]
            errors = (1 - ours, 1 - theirs) if rises else (ours, theirs)
            # Two perfect models are equal.
            return metric, ours, theirs, (errors[0] + 1e-9) / (errors[1] + 1e-9)
    return None
