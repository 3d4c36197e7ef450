"""What the predictions themselves say against a candidate, whatever its metrics are."""

from __future__ import annotations

from collections.abc import Iterator

from components.gates.findings import Finding
from components.gates.model.policy import Policy
from components.gates.model.predictions import AllPredictions, PredictionDistance, Predictions


def prediction_findings(found: AllPredictions | None, policy: Policy) -> Iterator[Finding]:
    """Predictions that are no probabilities, constant, or far from the served model's.

    Those that are not finite are the Evaluator's to refuse: there are no metrics of them.

    Args:
        found: what the Evaluator wrote; None if it wrote nothing.
        policy: what refuses.
    """
    if found is None:
        yield Finding("the evaluation says nothing of the predictions; run once with --set cache=false")
        return
    candidate = found.candidate
    if policy.probabilities:
        yield from _no_probabilities(candidate)
    if candidate.constant:
        values = ", ".join(f"{value:.6g}" for value in candidate.low[:3])
        text = f"all {candidate.rows:,} predictions are {values} (gates.evaluation.constant_predictions)"
        yield Finding(text, refuses=policy.constant_predictions == "refuse")
    if found.distance.rows:
        yield from _far(found.distance, policy)


def _no_probabilities(candidate: Predictions) -> Iterator[Finding]:
    for fault, what in (
        (candidate.outside, "lie outside 0 to 1, so they are no probabilities"),
        (candidate.not_one, "do not add up to 1 over the classes"),
    ):
        if fault.rows:
            text = f"{fault.rows:,} of {candidate.rows:,} predictions {what}, such as {fault.example}"
            yield Finding(text)


def _far(distance: PredictionDistance, policy: Policy) -> Iterator[Finding]:
    if policy.distance_warn is None and policy.distance_refuse is None:
        return
    scale, unit = (1.0, "") if policy.probabilities else (distance.spread, " standard deviations")
    if scale == 0:
        yield Finding(
            "the served model predicts the same in all rows, so no distance to it can be judged", refuses=False
        )
        return
    far = distance.mean / scale
    for key, limit, refuses in (
        ("distance_refuse", policy.distance_refuse, True),
        ("distance_warn", policy.distance_warn, False),
    ):
        if limit is not None and far > limit:
            text = (
                f"predictions lie {far:.4g}{unit} from those of the served model on the same rows, on average, more "
                f"than {limit:g} (gates.evaluation.{key})"
            )
            yield Finding(text, refuses=refuses)
            return
