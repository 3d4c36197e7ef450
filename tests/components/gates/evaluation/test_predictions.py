"""What ModelGate makes of an evaluation beyond limits: predictions, the served model, intervals, slices."""

import numpy as np
import pytest

from components.gates.evaluation import CANDIDATE, metrics_by_slice
from components.gates.model.intervals import intervals_by_slice
from components.refusal import GateRefused
from pipeline.config.gates.evaluation import Confidence
from tests.components.gates.evaluation.evaluations import ALL, binary_rows, make_rows
from tests.shared import stand_ins

pytestmark = pytest.mark.tensorflow


def test_nan_in_a_few_rows_is_refused_with_one_of_them(evaluate_models, tmp_path):
    label = stand_ins.LABELS["binary"]
    rows = make_rows("binary")
    for index in (7, 19):
        rows[index]["z0"] = float("nan")
    examples = stand_ins.write_examples(tmp_path / "examples", rows)
    broken = stand_ins.write_model(tmp_path / "broken", label, missing="nan")
    sound = stand_ins.write_model(tmp_path / "sound", label, missing="zero")
    lenient = {"metric": "accuracy", "min": 0.1}
    with pytest.raises(GateRefused) as refusal:
        evaluate_models("binary", broken, sound, examples, lenient)
    assert refusal.value.reason.startswith(
        "2 of 30 predictions are not finite, such as nan for the row with kind 'b', "
    )
    assert "z0 nan" in refusal.value.reason
    # A served model that cannot answer is no reason to give up for ever.
    with pytest.raises(GateRefused, match="2 of 30 predictions of the served model are not finite; .*baseline=none"):
        evaluate_models("binary", sound, broken, examples, lenient)
    assert evaluate_models("binary", sound, None, examples, lenient).judge() == ()


def test_a_model_that_always_answers_the_same_is_refused_or_noticed(evaluate_models, models, tmp_path):
    _, _, examples = models("binary")
    constant = stand_ins.write_model(tmp_path / "constant", stand_ins.LABELS["binary"], scale=0.0)
    run = evaluate_models("binary", constant, None, examples, {"metric": "accuracy", "min": 0.1})
    text = "all 30 predictions are 0.5 (gates.evaluation.constant_predictions)"
    with pytest.raises(GateRefused) as refusal:
        run.judge()
    assert refusal.value.reason == text
    assert run.judge(constant_predictions="warn") == (text,)


def test_a_served_model_that_fell_on_the_new_data_refuses_however_good_the_candidate_is(evaluate_models, tmp_path):
    label, lenient = stand_ins.LABELS["binary"], {"metric": "accuracy", "min": 0.6}
    served = stand_ins.write_model(tmp_path / "served", label)
    first_day = stand_ins.write_examples(tmp_path / "first", binary_rows())
    new_units = stand_ins.write_examples(tmp_path / "second", binary_rows(times=-5.0))
    pushed = evaluate_models("binary", served, None, first_day, lenient)
    # It learnt the new units.
    candidate = stand_ins.write_model(tmp_path / "candidate", label, scale=-0.2)
    run = evaluate_models("binary", candidate, served, new_units, lenient)
    with pytest.raises(GateRefused) as refusal:
        run.judge(served=pushed.evaluation)
    assert refusal.value.reason.startswith(
        "auc of the served model is 0.21 on the new data and was 0.79 when it was pushed: a fall of 0.58, more than "
    )
    [far, unknown] = run.judge()
    assert "(its run left no evaluation)" in unknown
    assert far.startswith("predictions lie 0.")
    assert far.endswith("more than 0.25 (gates.evaluation.distance_warn)")
    assert run.judge(served=pushed.evaluation, served_max_drop=None) == (far,)
    with pytest.raises(GateRefused, match=r"more than 0\.3 \(gates\.evaluation\.distance_refuse\)"):
        run.judge(served_max_drop=None, distance_refuse=0.3)
    # On the data of then it is as good as it was.
    assert evaluate_models("binary", served, served, first_day, lenient).judge(served=pushed.evaluation) == ()


def test_a_reason_lets_pass_what_would_be_refused_and_says_so(evaluate):
    run = evaluate("regression", {"metric": "mean_absolute_error", "max": 0.01}, first="absent")
    with pytest.raises(GateRefused):
        run.judge()
    [notice] = run.judge(bless_anyway="the sensor was replaced")
    assert notice.startswith(
        "not refused, since --bless-anyway says 'the sensor was replaced': mean_absolute_error of all "
    )


def test_limits_are_judged_by_the_bounds_of_intervals_where_the_config_says_so(evaluate):
    confidence = {"replicates": 15, "level": 0.9}
    limits = (
        {"metric": "accuracy", "min": 0.65, "max_drop": 0.01},
        {"metric": "accuracy", "slice": "kind", "min": 0.6},
        {"metric": "auc", "min": 0.1, "max_drop": 0.01},
    )
    run = evaluate("binary", *limits, confidence=confidence)
    run.judge()
    intervals = intervals_by_slice(run.evaluation.uri, level=0.9)
    found = intervals[ALL]["accuracy"]
    assert found.value == pytest.approx(0.7)
    # The standard error of a share of 30 rows, and Student's t with 14 degrees of freedom.
    assert found.high - found.low == pytest.approx(2 * 1.761 * (0.7 * 0.3 / 30) ** 0.5, rel=0.4)
    assert found.low + found.high == pytest.approx(2 * found.value)
    wider = intervals_by_slice(run.evaluation.uri, level=0.99)[ALL]["accuracy"]
    assert wider.low < found.low < found.high < wider.high
    # Twice the logits change no answer.
    change = intervals_by_slice(run.evaluation.uri, level=0.9, of_change=True)[ALL]["accuracy"]
    assert (change.low, change.value, change.high) == (0, 0, 0)
    with pytest.raises(GateRefused) as refusal:
        run.judge(confidence=Confidence(**confidence, judge="bound"))
    texts = refusal.value.reason.split("; ")
    assert texts[0] == f"accuracy of all examples is 0.7000 and may be {found.low:.4f}, below the minimum 0.65"
    assert texts[1].startswith("accuracy of kind=a is 0.7000 and may be 0.")
    assert texts[2].startswith("accuracy of kind=b is 0.7000 and may be 0.")


def test_numbers_are_sliced_by_ranges_and_crossed_with_other_columns(evaluate):
    run = evaluate(
        "regression",
        {"metric": "mean_absolute_error", "max": 5.0},
        {"metric": "mean_absolute_error", "slice": ("kind", "z0"), "max": 1e-6},
        slices=({"column": "z0", "edges": [1.0, 2.5]}, ("kind", "z0")),
        min_slice_size=4,
        first="absent",
    )
    table = metrics_by_slice(run.evaluation.uri, CANDIDATE)
    ranges = {"below 1": 10, "1 to 2.5": 15, "2.5 or more": 5}
    assert {name: table[f"z0={name}"]["example_count"] for name in ranges} == ranges
    crossed = {name: int(row["example_count"]) for name, row in table.items() if name.startswith("kind=")}
    assert sum(crossed.values()) == 30
    assert crossed["kind=a, z0=below 1"] == 4
    some = [row for row in make_rows("regression") if row["kind"] == "a" and row["z0"] < 1]
    error = np.mean([abs(1.1 * row["z0"] - row["y"]) for row in some])
    with pytest.raises(
        GateRefused, match=f"mean_absolute_error of kind=a, z0=below 1 is {error:.4f}, above the maximum"
    ):
        run.judge()
