"""LiteGate: stops the run when a TF Lite file answers worse than the SavedModel it comes from.

The Evaluator cannot compare the two itself: TensorFlow Model Analysis refuses a TF Lite model beside one of another
type. Each is evaluated on its own, over the same examples, and the results are compared here.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TypedDict

from tfx.dsl.component.experimental.decorators import component
from tfx.types import standard_artifacts

from components.annotations import InputArtifact, Parameter
from components.gates.evaluation import ALL_EXAMPLES, CANDIDATE, EXAMPLE_COUNT, metrics_by_slice
from components.refusal import GateRefused


class LossLimit(TypedDict):
    """How much worse than the SavedModel a TF Lite file may be in one metric."""

    metric: str
    max_loss: float
    higher_is_better: bool


# A difference of binary fractions is inexact: 0.95 - 0.945 is a little more than 0.005.
_ROUNDING = 1e-9


@component
def LiteGate(  # noqa: N802 (TFX names components as classes)
    evaluation: InputArtifact[standard_artifacts.ModelEvaluation],
    reference: InputArtifact[standard_artifacts.ModelEvaluation],
    variant: Parameter[str],
    thresholds: Parameter[str],
) -> None:
    """Refuse the TF Lite file if a metric is too much worse than the SavedModel's.

    Args:
        evaluation: metrics of the TF Lite file.
        reference: metrics of the SavedModel.
        variant: name of the TF Lite variant, for the reason.
        thresholds: JSON list of `LossLimit`.

    Raises:
        GateRefused: names every metric that is too much worse.
    """
    losses = list(
        excessive_losses(
            json.loads(thresholds),
            lite=metrics_by_slice(evaluation.uri, CANDIDATE).get(ALL_EXAMPLES, {}),
            reference=metrics_by_slice(reference.uri, CANDIDATE).get(ALL_EXAMPLES, {}),
        )
    )
    if losses:
        raise GateRefused(f"the {variant} TF Lite model: {'; '.join(losses)}")


def excessive_losses(
    thresholds: Sequence[LossLimit], *, lite: Mapping[str, float], reference: Mapping[str, float]
) -> Iterator[str]:
    """The reasons to refuse, one text each.

    Args:
        thresholds: the limits, one per metric.
        lite: the TF Lite file's metrics over all examples.
        reference: the SavedModel's metrics over all examples.
    """
    counts = lite.get(EXAMPLE_COUNT, 0), reference.get(EXAMPLE_COUNT, 0)
    if counts[0] != counts[1] or not counts[0]:
        yield f"it was evaluated on {counts[0]:.0f} examples, the SavedModel on {counts[1]:.0f}"
    for threshold in thresholds:
        metric, allowed = threshold["metric"], threshold["max_loss"]
        values = lite.get(metric, math.nan), reference.get(metric, math.nan)
        if any(map(math.isnan, values)):
            yield f"{metric} cannot be computed for the file or for the SavedModel"
            continue
        loss = values[1] - values[0] if threshold["higher_is_better"] else values[0] - values[1]
        if loss > allowed + _ROUNDING:
            yield (
                f"{metric} is {values[0]:.4f}, {loss:.2g} worse than the SavedModel's {values[1]:.4f}, "
                f"more than the allowed {allowed:g}"
            )
