"""Mutations of what is judged of predictions and of the served model, and of the override."""

from __future__ import annotations

from tests.mutate.mutation import Mutation

_EVALUATION = "tests/components/gates/evaluation"
_CHECK = "components/gates/model/prediction_check.py"
_SERVED = "components/gates/model/served_check.py"
_PREDICTIONS = ("tests/components/evaluator/test_predictions.py",)


def _gate(word: str) -> tuple[str, ...]:
    return (_EVALUATION, "-k", word)


MODEL_GATE = (
    Mutation(
        "InfraValidator sends the best answers instead of the worst",
        "components/gates/model/mistakes.py",
        "rows[np.argsort(-distance",
        "rows[np.argsort(distance",
        ("tests/components/gates/infra/test_infra_validator.py", "-k", "worst_mistakes"),
    ),
    Mutation(
        "Evaluator hides predictions that are not finite",
        "components/evaluator/component.py",
        "    if wrong.rows:\n",
        "    if False:\n",
        _gate("nan_in_a_few_rows"),
    ),
    Mutation(
        "Evaluator ignores a baseline that is not finite",
        "components/evaluator/component.py",
        "if baseline and baseline.not_finite.rows:",
        "if False:",
        _gate("nan_in_a_few_rows"),
    ),
    Mutation(
        "Faults of predictions are those of the last worker alone",
        "components/gates/model/predictions.py",
        "rows=self.rows + other.rows, example=first.example",
        "rows=other.rows, example=first.example",
        _PREDICTIONS,
    ),
    Mutation(
        "The row that shows a fault depends on the order of the workers",
        "components/gates/model/predictions.py",
        "first = min(found, key=lambda each: each.record)",
        "first = found[0]",
        _PREDICTIONS,
    ),
    Mutation(
        "Probabilities of classes need not add up to 1",
        "components/evaluator/predictions.py",
        "& (values.shape[1] > 1)",
        "& (values.shape[1] > 99)",
        _PREDICTIONS,
    ),
    Mutation(
        "ModelGate lets probabilities outside 0 to 1 pass",
        _CHECK,
        "if fault.rows:",
        "if False:",
        ("tests/components/gates/model/test_prediction_check.py",),
    ),
    Mutation(
        "ModelGate lets constant predictions pass",
        _CHECK,
        'refuses=policy.constant_predictions == "refuse"',
        "refuses=False",
        _gate("always_answers_the_same"),
    ),
    Mutation(
        "ModelGate ignores how far predictions lie from the served model's",
        _CHECK,
        "if limit is not None and far > limit:",
        "if False:",
        _gate("served_model_that_fell"),
    ),
    Mutation(
        "ModelGate ignores a served model that fell",
        _SERVED,
        "    if beyond:\n",
        "    if False:\n",
        _gate("served_model_that_fell"),
    ),
    Mutation(
        "A fall of the served model that nobody could see is not told",
        _SERVED,
        "    if then is None:\n",
        "    if then is None:\n        return\n    if then is None:\n",
        _gate("served_model_that_fell"),
    ),
    Mutation(
        "ModelGate judges by the favourable bound",
        "components/gates/model/bounds.py",
        "not found.low >= at_least",
        "not found.high >= at_least",
        _gate("bounds_of_intervals"),
    ),
    Mutation(
        "ModelGate is overridden without being asked",
        "components/gates/model_gate.py",
        "if failures and not bless_anyway:",
        "if False:",
        _gate("a_reason_lets_pass"),
    ),
    Mutation(
        "An overridden refusal leaves no trace",
        "components/gates/model_gate.py",
        "notices = [overridden(text, bless_anyway) for text in failures]",
        "notices = []",
        _gate("a_reason_lets_pass"),
    ),
    Mutation(
        "A limit on a feature applies to its crossed slices",
        "components/gates/evaluation.py",
        "if sorted(self.columns[name]) == sorted(sliced or ())",
        "if set(sliced or ()) <= set(self.columns[name])",
        ("tests/components/gates/test_model_gate.py",),
    ),
    Mutation(
        "A range of numbers holds its upper edge",
        "components/evaluator/slices.py",
        "names[bisect.bisect(edges, value)]",
        "names[bisect.bisect_left(edges, value)]",
        ("tests/components/evaluator/test_slices.py",),
    ),
    Mutation(
        "New slices are not named",
        "components/gates/model/slice_check.py",
        "if name not in others.candidate",
        "if name in others.candidate",
        ("tests/components/gates/model/test_prediction_check.py",),
    ),
)
