"""What refuses predictions, given what the Evaluator recorded of them (see its test_predictions.py)."""

from __future__ import annotations

import pytest

from components.gates.evaluation import Evaluated
from components.gates.findings import notice
from components.gates.model.policy import Policy
from components.gates.model.prediction_check import prediction_findings
from components.gates.model.predictions import AllPredictions, BadPredictions, PredictionDistance, Predictions
from components.gates.model.served_check import served_findings
from components.gates.model.slice_check import slice_findings

pytestmark = pytest.mark.tensorflow

CLASSES = Policy(probabilities=True, distance_warn=0.25, served_metrics=("auc", "accuracy"), served_max_drop=0.1)
NUMBERS = Policy(probabilities=False, distance_warn=0.25, served_metrics=("mean_absolute_error",), served_max_rise=0.5)


def recorded(distance: PredictionDistance | None = None, **predictions) -> AllPredictions:
    model = Predictions(rows=1000, low=(0.1,), high=(0.9,), **predictions)
    return AllPredictions(models={"candidate": model}, distance=distance or PredictionDistance())


def test_probabilities_that_are_none_are_refused_with_a_row_and_numbers_may_be_any():
    found = recorded(
        outside=BadPredictions(rows=2, example="1.5 for the row with fare 3"),
        not_one=BadPredictions(rows=1, example="x"),
    )
    assert [(each.text, each.refuses) for each in prediction_findings(found, CLASSES)] == [
        (
            "2 of 1,000 predictions lie outside 0 to 1, so they are no probabilities, such as 1.5 for the row with "
            "fare 3",
            True,
        ),
        ("1 of 1,000 predictions do not add up to 1 over the classes, such as x", True),
    ]
    assert not list(prediction_findings(found, NUMBERS))


def test_an_evaluation_that_says_nothing_of_predictions_is_refused():
    [finding] = prediction_findings(None, CLASSES)
    assert finding.refuses


def test_the_distance_of_numbers_counts_in_standard_deviations():
    # Values 0 and 2: the deviation is 1, and the mean distance 0.3.
    far = recorded(PredictionDistance(rows=1000, total=300.0, values=1000.0, squares=2000.0))
    [finding] = prediction_findings(far, NUMBERS)
    assert finding.text.startswith("predictions lie 0.3 standard deviations from those of the served model")
    assert not finding.refuses
    near = recorded(PredictionDistance(rows=1000, total=300.0, values=2000.0, squares=8000.0))
    assert not list(prediction_findings(near, NUMBERS))
    constant = recorded(PredictionDistance(rows=1000, total=300.0, values=1000.0, squares=1000.0))
    [finding] = prediction_findings(constant, NUMBERS)
    assert "no distance to it can be judged" in finding.text


def evaluated(**tables) -> Evaluated:
    columns = {name: (name[0],) if name else () for table in tables.values() for name in table}
    return Evaluated(**{"candidate": {}, "baseline": {}, **tables}, columns=columns)


def served(now: float, then: float, policy: Policy, *, rows: int = 500) -> list[tuple[str, bool]]:
    metric = policy.served_metrics[0]
    judged = evaluated(baseline={"": {metric: now, "example_count": rows}})
    pushed = evaluated(candidate={"": {metric: then, "example_count": 500.0}})
    return [(each.text, each.refuses) for each in served_findings(judged, pushed, policy)]


def test_a_served_model_may_fall_up_to_the_limit():
    assert served(0.8, 0.9, CLASSES) == served(1.5, 1.0, NUMBERS) == []
    [(text, refuses)] = served(0.79, 0.9, CLASSES)
    assert refuses
    assert text.startswith(
        "auc of the served model is 0.79 on the new data and was 0.9 when it was pushed: a fall of 0.11"
    )
    [(text, refuses)] = served(1.6, 1.0, NUMBERS)
    assert refuses
    assert "60% more, and 50% are allowed (gates.evaluation.served_max_rise)" in text
    assert served(float("nan"), 0.9, CLASSES)[0][1]


def test_too_few_rows_say_nothing_of_the_served_model():
    assert served(0.5, 0.9, CLASSES, rows=99) == [
        ("99 examples are too few to see whether the served model fell on the new data", False)
    ]


def test_slices_that_came_or_went_are_named_if_they_are_large_and_of_the_same_columns():
    def sizes(**counts):
        return evaluated(candidate={name.replace("_", "="): {"example_count": float(n)} for name, n in counts.items()})

    now, then = sizes(a_1=50, a_2=50, a_3=5, b_1=50), sizes(a_1=50, a_4=60, a_5=5, c_1=50)
    assert list(slice_findings(now, then, min_slice_size=10)) == [
        notice("new since the served model was pushed: a=2"),
        notice("gone since the served model was pushed: a=4"),
    ]
