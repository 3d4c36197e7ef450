"""The real Evaluator on real exports of every task, with limits; figures worked out with numpy."""

import numpy as np
import pytest

from components.gates.evaluation import BASELINE, CANDIDATE, metrics_by_slice
from components.refusal import GateRefused
from tests.components.gates.evaluation.evaluations import ALL, SCALES, expected, make_rows

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize("task", [pytest.param("multiclass", marks=pytest.mark.slow), "named"])
def test_classes_are_evaluated_as_numpy_does_and_a_limit_that_is_just_met_passes(evaluate, task):
    entropy = expected(task).metric("cross_entropy")
    run = evaluate(
        task,
        {"metric": "accuracy", "min": 0.7, "max_drop": 0.0},
        {"metric": "accuracy", "slice": "kind", "min": 0.7, "max_drop": 0.0},
        {"metric": "cross_entropy", "max": entropy + 0.01, "max_rise": 0.2},
        {"metric": "cross_entropy", "slice": "kind", "max": 2.0, "max_rise": 0.2},
        {"metric": "top_k_accuracy", "at": 2, "min": 0.7},
        {"metric": "f1", "min": 0.5},
        {"metric": "auc", "min": 0.5},
        {"metric": "auc_precision_recall", "min": 0.5},
        {"metric": "precision", "min": 0.5},
        {"metric": "recall", "min": 0.3},
    )
    run.judge()
    for model, old in ((CANDIDATE, False), (BASELINE, True)):
        table = metrics_by_slice(run.evaluation.uri, model)
        assert set(table) == {ALL, "kind=a", "kind=b", "kind=c"}
        for name in table:
            for metric in ("accuracy", "cross_entropy", "top_k_accuracy_2"):
                value = expected(task, old=old).metric(metric, name.rpartition("=")[2] or None)
                assert table[name][metric] == pytest.approx(value, abs=1e-5)
            assert table[name]["example_count"] == (10 if name else 30)


@pytest.mark.slow
def test_a_slice_without_some_class_has_no_mean_over_the_classes(evaluate):
    run = evaluate(
        "multiclass",
        {"metric": "accuracy", "min": 0.5},
        *({"metric": name, "min": 0.1} for name in ("recall", "precision", "f1", "auc")),
    )
    table = metrics_by_slice(run.evaluation.uri, CANDIDATE)
    assert all(np.isnan(table["kind=c"][name]) for name in ("recall", "precision", "f1"))
    assert table["kind=c"]["auc"] == 0
    assert table["kind=c"]["accuracy"] == pytest.approx(0.7)
    assert table[ALL]["recall"] == pytest.approx(expected("multiclass").metric("recall"))
    assert 0.1 < table[ALL]["recall"] < 0.9
    run.judge()


def test_classes_that_miss_their_limits_are_refused(evaluate):
    now, before = expected("multiclass"), expected("multiclass", old=True)
    rise = now.metric("cross_entropy", "a") - before.metric("cross_entropy", "a")
    assert rise < 0
    # The old model against the new one, which is better.
    run = evaluate(
        "multiclass",
        {"metric": "accuracy", "min": 0.71},
        {"metric": "cross_entropy", "max": 0.1},
        {"metric": "cross_entropy", "slice": "kind", "max_rise": -rise - 1e-3},
        swapped=True,
    )
    with pytest.raises(GateRefused) as refusal:
        run.judge()
    entropy = before.metric("cross_entropy")
    assert "accuracy of all examples is 0.7000, below the minimum 0.71" in refusal.value.reason
    assert f"cross_entropy of all examples is {entropy:.4f}, above the maximum 0.1" in refusal.value.reason
    assert f"cross_entropy of kind=a rose by {-rise:.4f} from the last blessed model" in refusal.value.reason


@pytest.mark.slow
def test_numbers_are_evaluated_as_numpy_does(evaluate):
    error = expected("regression").metric("mean_absolute_error")
    rise = error - expected("regression", old=True).metric("mean_absolute_error")
    assert rise > 0
    run = evaluate(
        "regression",
        {"metric": "mean_absolute_error", "max": error, "max_rise": rise + 1e-3},
        {"metric": "mean_absolute_error", "slice": "kind", "max": 1.5},
        {"metric": "root_mean_squared_error", "max": 5.0},
        {"metric": "squared_correlation", "min": 0.3, "max_drop": 0.001},
    )
    run.judge(first_run="refuse")
    for model, old in ((CANDIDATE, False), (BASELINE, True)):
        table = metrics_by_slice(run.evaluation.uri, model)
        for name in table:
            for metric in ("mean_absolute_error", "root_mean_squared_error"):
                value = expected("regression", old=old).metric(metric, name.rpartition("=")[2] or None)
                assert table[name][metric] == pytest.approx(value, rel=1e-5)
    assert np.isnan(table["kind=c"]["squared_correlation"])


def test_numbers_that_miss_their_limits_are_refused(evaluate):
    now, before = expected("regression"), expected("regression", old=True)
    rise = now.metric("mean_absolute_error") - before.metric("mean_absolute_error")
    slice_error = now.metric("mean_absolute_error", "c")
    run = evaluate(
        "regression",
        {"metric": "mean_absolute_error", "max": 5.0, "max_rise": rise - 1e-3},
        {"metric": "mean_absolute_error", "slice": "kind", "max": slice_error - 1e-3},
        {"metric": "squared_correlation", "slice": "kind", "min": 0.01},
    )
    with pytest.raises(GateRefused) as refusal:
        run.judge()
    assert refusal.value.reason.split("; ") == [
        f"mean_absolute_error of all examples rose by {rise:.4f} from the last blessed model, "
        f"more than the allowed {rise - 1e-3:g}",
        f"mean_absolute_error of kind=c is {slice_error:.4f}, above the maximum {slice_error - 1e-3:g}",
        "squared_correlation of kind=c cannot be computed (are all labels equal, or is a class missing?)",
    ]


# On a platform, the baseline of a first run is an artifact without files.
@pytest.mark.slow
@pytest.mark.parametrize("first", ["absent", "empty"])
def test_a_first_model_is_held_to_the_absolute_limits(evaluate, tmp_path, first):
    (tmp_path / "empty").mkdir()
    error = expected("regression").metric("mean_absolute_error")
    run = evaluate("regression", {"metric": "mean_absolute_error", "max": error, "max_rise": 0.0}, first=first)
    run.judge()
    with pytest.raises(GateRefused, match="no blessed model to compare with, and .*first_run is 'refuse'"):
        run.judge(first_run="refuse")
    if first == "absent":
        run = evaluate("regression", {"metric": "mean_absolute_error", "max": error * 0.99}, first=first)
        with pytest.raises(GateRefused, match="mean_absolute_error of all examples is .*, above the maximum"):
            run.judge()


@pytest.mark.parametrize("task", ["regression", pytest.param("named", marks=pytest.mark.slow)])
def test_example_weights_count_in_the_metrics_and_not_in_the_size_of_a_slice(evaluate, task):
    metric = {"regression": "mean_absolute_error", "named": "cross_entropy"}[task]
    value = expected(task).metric(metric, weighted=True)
    assert value != pytest.approx(expected(task).metric(metric), abs=1e-3)
    run = evaluate(
        task,
        {"metric": metric, "max": value + 1e-4, "max_rise": 1.0},
        {"metric": metric, "slice": "kind", "max": 100.0},
        weighted=True,
    )
    run.judge()
    table = metrics_by_slice(run.evaluation.uri, CANDIDATE)
    assert table[ALL][metric] == pytest.approx(value, rel=1e-5)
    assert {name: row["example_count"] for name, row in table.items()} == {
        ALL: 30,
        "kind=a": 10,
        "kind=b": 10,
        "kind=c": 10,
    }


@pytest.mark.slow
def test_a_binary_label_is_evaluated_as_before(evaluate):
    run = evaluate(
        "binary",
        {"metric": "auc", "min": 0.5, "max_drop": 0.0},
        {"metric": "accuracy", "min": 0.7},
        {"metric": "accuracy", "slice": "kind", "min": 0.7},
        {"metric": "calibration_error", "max": 0.5, "max_rise": 0.5},
        {"metric": "precision_at_recall", "at": 0.6, "min": 0.5, "max_drop": 0.0},
        {"metric": "recall_at_precision", "at": 0.7, "min": 0.5},
    )
    run.judge()
    table = metrics_by_slice(run.evaluation.uri, CANDIDATE)
    assert {name: row["accuracy"] for name, row in table.items()} == dict.fromkeys(table, pytest.approx(0.7))
    rows, scale = make_rows("binary"), SCALES["binary"][0]
    truth = np.array([row["y"] for row in rows])
    predictions = 1 / (1 + np.exp(-scale * np.array([row["z0"] for row in rows])))
    bucket = (predictions * 10).astype(int)
    apart = [abs((truth - predictions)[bucket == each].sum()) for each in range(10)]
    assert table[ALL]["calibration_error"] == pytest.approx(sum(apart) / 30, abs=1e-5)
    hits = np.array([[(predictions >= t) & (truth == 1), predictions >= t] for t in predictions]).sum(axis=2)
    recall, precision = hits[:, 0] / truth.sum(), hits[:, 0] / hits[:, 1]
    assert table[ALL]["precision_at_recall_0.6"] == pytest.approx(precision[recall >= 0.6].max(), abs=1e-6)
    assert table[ALL]["recall_at_precision_0.7"] == pytest.approx(recall[precision >= 0.7].max(), abs=1e-6)
    # One class alone has no area under the curve; TFMA says 0.
    assert table["kind=c"]["auc"] == 0


def test_a_metric_of_one_s_own_is_the_mean_of_its_figures_and_can_have_limits(evaluate_models, models):
    new, old, examples = models("regression")
    error = expected("regression").metric("mean_absolute_error")
    metrics = {"half": {"name": "pinball"}, "ninth": {"name": "pinball", "level": 0.9}}
    run = evaluate_models(
        "regression",
        new,
        old,
        examples,
        {"metric": "mean_absolute_error", "max": error + 1},
        {"metric": "half", "slice": "kind", "max": error / 4},
        metrics=metrics,
    )
    table = metrics_by_slice(run.evaluation.uri, CANDIDATE)
    for name in table:
        absolute = table[name]["mean_absolute_error"]
        assert table[name]["half"] == pytest.approx(absolute / 2, rel=1e-5)
        assert 0.1 * absolute <= table[name]["ninth"] <= 0.9 * absolute
    with pytest.raises(GateRefused, match="half of kind="):
        run.judge()
