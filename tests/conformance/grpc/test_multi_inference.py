"""MultiInference: several heads in one run (multi_inference_test.cc, multi_inference_helper_test.cc)."""

from __future__ import annotations

import pytest
from grpc import StatusCode
from tensorflow_serving.apis import input_pb2

from tests.conformance.calls import CLASSIFY, REGRESS, SECONDS, example, example_list, multi_request, refused, spec
from tests.conformance.models import HALF_PLUS_THREE, HALF_PLUS_TWO, HALF_PLUS_TWO_TF2

pytestmark = [pytest.mark.tensorflow, pytest.mark.source("servables/tensorflow/multi_inference_test.cc")]

BOTH = pytest.mark.parametrize("model", [HALF_PLUS_TWO, HALF_PLUS_TWO_TF2])
TWO = example_list(example(x=2.0))


@BOTH
def test_regress_and_classify(prediction, model):
    regress, classify = spec(model, signature="regress_x_to_y"), spec(model, signature="classify_x_to_y")
    answer = prediction.MultiInference(multi_request(TWO, (regress, REGRESS), (classify, CLASSIFY)), SECONDS)
    first, second = answer.results
    assert [entry.value for entry in first.regression_result.regressions] == [3.0]
    assert [entry.score for entry in second.classification_result.classifications[0].classes] == [3.0]
    assert first.model_spec == spec(model, version=123, signature="regress_x_to_y")
    assert second.model_spec == spec(model, version=123, signature="classify_x_to_y")


@BOTH
def test_two_regressions_in_the_order_asked(prediction, model):
    given = example_list(example(x=2.0), example(x=80.0))
    tasks = [(spec(model, signature=f"regress_x_to_y{suffix}"), REGRESS) for suffix in ("2", "")]
    answer = prediction.MultiInference(multi_request(given, *tasks), SECONDS)
    assert [[entry.value for entry in result.regression_result.regressions] for result in answer.results] == [
        [4.0, 43.0],
        [3.0, 42.0],
    ]


@BOTH
def test_one_task(prediction, model):
    asked = spec(model, version=123, signature="regress_x_to_y")
    answer = prediction.MultiInference(multi_request(TWO, (asked, REGRESS)), SECONDS)
    assert [result.regression_result.regressions[0].value for result in answer.results] == [3.0]


@BOTH
@pytest.mark.parametrize(
    ("given", "text"),
    [(input_pb2.Input(), "Input is empty."), (example_list(), "Input is empty.")],
    ids=["nothing", "no examples"],
)
def test_no_examples(prediction, model, given, text):
    with refused(StatusCode.INVALID_ARGUMENT, text):
        prediction.MultiInference(multi_request(given, (spec(model, signature="regress_x_to_y"), REGRESS)), SECONDS)


@BOTH
def test_an_unknown_signature(prediction, model):
    with refused(StatusCode.INVALID_ARGUMENT, "Requested signature not found in model graph: nothing"):
        prediction.MultiInference(multi_request(TWO, (spec(model, signature="nothing"), REGRESS)), SECONDS)


def test_tasks_of_different_models(prediction):
    tasks = [(spec(model, signature="regress_x_to_y"), REGRESS) for model in (HALF_PLUS_TWO, HALF_PLUS_THREE)]
    text = "All ModelSpecs in a MultiInferenceRequest must access the same model name."
    with refused(StatusCode.INVALID_ARGUMENT, text):
        prediction.MultiInference(multi_request(TWO, *tasks), SECONDS)


@BOTH
def test_the_same_signature_twice(prediction, model):
    task = (spec(model, signature="regress_x_to_y"), REGRESS)
    with refused(StatusCode.INVALID_ARGUMENT, "Duplicate evaluation of signature: regress_x_to_y"):
        prediction.MultiInference(multi_request(TWO, task, task), SECONDS)


@BOTH
@pytest.mark.parametrize("method", ["tensorflow/serving/predict", "", "regress"])
def test_other_methods(prediction, model, method):
    with refused(StatusCode.UNIMPLEMENTED, f"Unsupported signature method_name: {method}"):
        prediction.MultiInference(multi_request(TWO, (spec(model), method)), SECONDS)


@BOTH
@pytest.mark.parametrize(("signature", "method"), [("regress_x_to_y", CLASSIFY), ("classify_x_to_y", REGRESS)])
def test_a_method_that_the_signature_is_not_of(prediction, model, signature, method):
    with refused(StatusCode.INVALID_ARGUMENT):
        prediction.MultiInference(multi_request(TWO, (spec(model, signature=signature), method)), SECONDS)


@pytest.mark.parametrize(
    ("model", "code", "text"),
    [
        (spec("nobody", signature="x"), StatusCode.NOT_FOUND, "Servable not found for request: Latest(nobody)"),
        (
            spec(HALF_PLUS_TWO, version=7),
            StatusCode.NOT_FOUND,
            "Servable not found for request: Specific(half_plus_two, 7)",
        ),
        (spec(signature="x"), StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified."),
    ],
    ids=["unknown", "unknown version", "no name"],
)
def test_refused_models(prediction, model, code, text):
    with refused(code, text):
        prediction.MultiInference(multi_request(TWO, (model, REGRESS)), SECONDS)


def test_a_later_task_without_a_name(prediction):
    tasks = [(spec(HALF_PLUS_TWO, signature="regress_x_to_y"), REGRESS), (spec(signature="x"), REGRESS)]
    with refused(StatusCode.INVALID_ARGUMENT, "Found ModelSpec with an empty model name."):
        prediction.MultiInference(multi_request(TWO, *tasks), SECONDS)


def test_no_task(prediction):
    with refused(StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified."):
        prediction.MultiInference(multi_request(TWO), SECONDS)


def test_heads_that_want_other_inputs(prediction):
    """Every head's input gets the same examples; one of these wants numbers."""
    tasks = [(spec(HALF_PLUS_TWO, signature=name), REGRESS) for name in ("regress_x_to_y", "regress_x2_to_y3")]
    with refused(StatusCode.INVALID_ARGUMENT, holds=["to be float but string is provided"]):
        prediction.MultiInference(multi_request(TWO, *tasks), SECONDS)
