import math

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import validation_result_pb2

from components.gates.evaluation import Evaluated, slice_name
from components.gates.model_gate import evaluator_failures, slice_failures

pytestmark = pytest.mark.tensorflow

HOUR = "trip_start_hour"


def threshold(**limits):
    none = dict.fromkeys(("min", "max", "max_drop", "max_rise"))
    return {"metric": "accuracy", "slice": [HOUR], **none, **limits}


def table(**accuracies):
    return {"": {"accuracy": 0.1, "example_count": 999.0}} | {
        f"{HOUR}={name[1:]}": {"accuracy": value, "example_count": 100.0} for name, value in accuracies.items()
    }


def errors(**values):
    return {f"{HOUR}={name[1:]}": {"error": value, "example_count": 100.0} for name, value in values.items()}


def failures(limits, candidate, baseline=None, min_slice_size=1):
    columns = {name: tuple(part.partition("=")[0] for part in name.split(", ") if part) for name in candidate}
    evaluated = Evaluated(candidate=candidate, baseline=baseline or {}, columns=columns)
    return slice_failures([limits], evaluated, min_slice_size=min_slice_size)


def test_only_the_slices_below_are_named():
    found = failures(threshold(min=0.8), table(h1=0.9, h2=0.79, h3=0.5))
    assert found == [
        f"accuracy of {HOUR}=2 is 0.7900, below the minimum 0.8",
        f"accuracy of {HOUR}=3 is 0.5000, below the minimum 0.8",
    ]


def test_only_the_slices_above_are_named_where_less_is_better():
    found = failures(threshold(metric="error", max=2.0), errors(h1=1.5, h2=2.25, h3=2.0))
    assert found == [f"error of {HOUR}=2 is 2.2500, above the maximum 2"]


def test_a_rise_against_the_blessed_model_is_named():
    limits = threshold(metric="error", max_rise=0.5)
    assert not failures(limits, errors(h1=2.0), errors(h1=1.5))
    assert not failures(limits, errors(h1=2.0), errors(h1=math.nan))
    assert failures(limits, errors(h1=2.25), errors(h1=1.5)) == [
        f"error of {HOUR}=1 rose by 0.7500 from the last blessed model, more than the allowed 0.5"
    ]


def test_a_small_figure_keeps_its_digits():
    [text] = failures(threshold(metric="error", max=1e-5), errors(h1=2.5e-5))
    assert text == f"error of {HOUR}=1 is 2.5e-05, above the maximum 1e-05"


def test_a_value_that_float32_rounds_below_its_limit_passes():
    assert not failures(threshold(min=0.7), table(h1=float(np.float32(0.7))))
    assert failures(threshold(min=0.7), table(h1=0.6999))


def test_small_slices_have_no_limits():
    candidate = table(h1=0.5, h2=0.9)
    assert failures(threshold(min=0.8), candidate, min_slice_size=100)
    candidate[f"{HOUR}=1"]["example_count"] = 99.0
    assert not failures(threshold(min=0.8), candidate, min_slice_size=100)


def test_a_limit_that_no_slice_is_left_for_fails():
    assert failures(threshold(min=0.8), table(h1=0.9), min_slice_size=101) == [
        f"{HOUR} has no slice of at least 101 examples for its limit"
    ]


def test_a_drop_against_the_blessed_model_is_named():
    limits = threshold(max_drop=0.05)
    assert not failures(limits, table(h1=0.9), table(h1=0.95))
    assert failures(limits, table(h1=0.89), table(h1=0.95)) == [
        f"accuracy of {HOUR}=1 fell by 0.0600 from the last blessed model, more than the allowed 0.05"
    ]


def test_a_slice_that_is_new_has_nothing_to_be_compared_with():
    assert not failures(threshold(max_drop=0.0), table(h7=0.2), table(h1=0.95))


def test_a_metric_without_a_value_fails():
    assert "cannot be computed" in failures(threshold(min=0.8), table(h1=math.nan))[0]


def test_a_feature_whose_name_begins_alike_is_another_feature():
    candidate = {**table(h1=0.9), f"{HOUR}_local=1": {"accuracy": 0.1, "example_count": 100.0}}
    assert not failures(threshold(min=0.8), candidate)


def test_a_crossed_slice_has_limits_of_its_own():
    crossed = f"day=2, {HOUR}=1"
    candidate = {**table(h1=0.9), crossed: {"accuracy": 0.1, "example_count": 100.0}}
    assert not failures(threshold(min=0.8), candidate)
    [text] = failures({**threshold(min=0.8), "slice": [HOUR, "day"]}, candidate)
    assert text == f"accuracy of {crossed} is 0.1000, below the minimum 0.8"


def test_the_evaluator_s_failures_are_put_in_words():
    result = validation_result_pb2.ValidationResult()
    per_slice = result.metric_validations_per_slice.add()
    low = per_slice.failures.add()
    low.metric_key.name = "auc"
    low.metric_value.double_value.value = 0.91
    low.metric_threshold.value_threshold.lower_bound.value = 0.93
    worse = per_slice.failures.add()
    worse.metric_key.name, worse.metric_key.is_diff = "accuracy", True
    worse.metric_value.double_value.value = -0.02
    worse.metric_threshold.change_threshold.absolute.value = -0.01
    high = per_slice.failures.add()
    high.metric_key.name = "error"
    high.metric_value.double_value.value = 3.5
    high.metric_threshold.value_threshold.upper_bound.value = 3.0
    risen = per_slice.failures.add()
    risen.metric_key.name, risen.metric_key.is_diff = "error", True
    risen.metric_value.double_value.value = 0.25
    risen.metric_threshold.change_threshold.direction = tfma.MetricDirection.LOWER_IS_BETTER
    risen.metric_threshold.change_threshold.absolute.value = 0.125
    unknown = per_slice.failures.add()
    unknown.metric_key.name = "recall"
    unknown.metric_value.double_value.value = math.nan
    unknown.metric_threshold.value_threshold.lower_bound.value = 0.5
    assert slice_name(per_slice.slice_key) == ""
    assert evaluator_failures(result) == [
        "auc of all examples is 0.9100, below the minimum 0.93",
        "accuracy of all examples fell by 0.0200 from the last blessed model, more than the allowed 0.01",
        "error of all examples is 3.5000, above the maximum 3",
        "error of all examples rose by 0.2500 from the last blessed model, more than the allowed 0.125",
        "recall of all examples cannot be computed (are all labels equal, or is a class missing?)",
    ]


def test_a_refusal_without_a_reason_is_still_a_refusal():
    assert evaluator_failures(validation_result_pb2.ValidationResult())
