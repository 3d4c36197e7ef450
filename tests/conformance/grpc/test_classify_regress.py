"""Classify and Regress: tf.Examples in (classifier_test.cc, regressor_test.cc, util_test.cc)."""

from __future__ import annotations

import pytest
from grpc import StatusCode
from tensorflow_serving.apis import input_pb2

from tests.conformance.calls import (
    SECONDS,
    classify_request,
    example,
    example_list,
    refused,
    regress_request,
    spec,
    with_context,
)
from tests.conformance.models import HALF_PLUS_TWO, HALF_PLUS_TWO_TF2, SEVERAL

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.source(
        "servables/tensorflow/classifier_test.cc",
        "servables/tensorflow/regressor_test.cc",
        "servables/tensorflow/util_test.cc",
    ),
]

BOTH = pytest.mark.parametrize("model", [HALF_PLUS_TWO, HALF_PLUS_TWO_TF2])
METHOD = pytest.mark.parametrize("method", ["Classify", "Regress"])
TWO = example_list(example(x=2.0))


def call(prediction, method, model, given):
    make = classify_request if method == "Classify" else regress_request
    return getattr(prediction, method)(make(model, given), SECONDS)


def signature_of(method):
    return f"{method.lower()}_x_to_y"


@BOTH
def test_classify(prediction, model):
    asked = spec(model, signature="classify_x_to_y")
    answer = call(prediction, "Classify", asked, TWO)
    (classification,) = answer.result.classifications
    assert [(entry.label, entry.score) for entry in classification.classes] == [("", 3.0)]
    assert answer.model_spec == spec(model, version=123, signature="classify_x_to_y")


@BOTH
def test_regress(prediction, model):
    asked = spec(model, signature="regress_x_to_y")
    answer = call(prediction, "Regress", asked, TWO)
    assert [entry.value for entry in answer.result.regressions] == [3.0]
    assert answer.model_spec == spec(model, version=123, signature="regress_x_to_y")


@BOTH
def test_the_order_of_the_examples_is_kept(prediction, model):
    given = example_list(*(example(x=float(x)) for x in (80, 20, 0)))
    answer = call(prediction, "Regress", spec(model, version=123, signature="regress_x_to_y2"), given)
    assert [entry.value for entry in answer.result.regressions] == [43.0, 13.0, 3.0]


def test_labels_and_scores(prediction):
    given = example_list(example(x=2.0), example(x=-1.0))
    answer = call(prediction, "Classify", spec(SEVERAL, signature="classes"), given)
    assert [[(entry.label, entry.score) for entry in row.classes] for row in answer.result.classifications] == [
        [("no", -2.0), ("yes", 2.0)],
        [("no", 1.0), ("yes", -1.0)],
    ]


def test_a_context_belongs_to_every_example(prediction):
    given = with_context(example(shift=10.0), example(x=1.0), example(x=2.0))
    answer = call(prediction, "Classify", spec(SEVERAL, signature="classes"), given)
    assert [row.classes[1].score for row in answer.result.classifications] == [11.0, 12.0]


def test_an_example_overrides_the_context(prediction):
    given = with_context(example(shift=10.0), example(x=1.0, shift=1.0))
    answer = call(prediction, "Classify", spec(SEVERAL, signature="classes"), given)
    assert [row.classes[1].score for row in answer.result.classifications] == [2.0]


@METHOD
@BOTH
def test_an_unknown_signature(prediction, method, model):
    with refused(StatusCode.INVALID_ARGUMENT, "No signature was found with the name: nothing"):
        call(prediction, method, spec(model, signature="nothing"), TWO)


@METHOD
def test_no_default_signature(prediction, method):
    with refused(StatusCode.INVALID_ARGUMENT, "No signature was found with the name: serving_default"):
        call(prediction, method, spec(SEVERAL), TWO)


@BOTH
@pytest.mark.parametrize(("method", "kind"), [("Classify", "classification"), ("Regress", "regression")])
def test_a_predict_signature(prediction, method, kind, model):
    """By default TF Serving looks at the tensors of a signature, not at its method's name."""
    with refused(StatusCode.INVALID_ARGUMENT, begins=f"No {kind} inputs found in SignatureDef: "):
        call(prediction, method, spec(model), TWO)


@pytest.mark.parametrize(
    ("method", "signature", "begins"),
    [
        (
            "Classify",
            "regress_x_to_y",
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            "Signature was: ",
        ),
        ("Regress", "classify_x_to_y", "No regression outputs found in SignatureDef: "),
    ],
)
@BOTH
def test_the_other_methods_signature(prediction, method, signature, begins, model):
    with refused(StatusCode.INVALID_ARGUMENT, begins=begins):
        call(prediction, method, spec(model, signature=signature), TWO)


@pytest.mark.parametrize(
    ("method", "signature", "text"),
    [
        ("Classify", "repeat", "Expected one input Tensor."),
        ("Regress", "repeat", "Expected one input Tensor."),
        ("Regress", "classes", "Expected one output Tensor."),
    ],
)
def test_too_many_tensors(prediction, method, signature, text):
    with refused(StatusCode.INVALID_ARGUMENT, text):
        call(prediction, method, spec(SEVERAL, signature=signature), TWO)


@pytest.mark.parametrize(
    ("method", "signature", "text"),
    [
        ("Classify", "flat_scores", "Expected Tensor shape: [batch_size num_classes] but got [1]"),
        (
            "Regress",
            "wide_regression",
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [1,2]",
        ),
        ("Regress", "one_too_many", "Input batch size did not match output batch size: 1 vs. 2"),
    ],
)
def test_outputs_that_do_not_fit(prediction, method, signature, text):
    with refused(StatusCode.INVALID_ARGUMENT, text):
        call(prediction, method, spec(SEVERAL, signature=signature), TWO)


@METHOD
@BOTH
@pytest.mark.parametrize(
    "given",
    [input_pb2.Input(), example_list(), with_context(example(x=2.0))],
    ids=["nothing", "no examples", "context alone"],
)
def test_no_examples(prediction, method, model, given):
    with refused(StatusCode.INVALID_ARGUMENT, "Input is empty."):
        call(prediction, method, spec(model, signature=signature_of(method)), given)


@METHOD
@BOTH
def test_a_missing_feature(prediction, method, model):
    with refused(
        StatusCode.INVALID_ARGUMENT, holds=["Feature: x (data type: float) is required but could not be found"]
    ):
        call(prediction, method, spec(model, signature=signature_of(method)), example_list(example(z=2.0)))


@METHOD
@BOTH
def test_a_feature_of_another_type(prediction, method, model):
    with refused(StatusCode.INVALID_ARGUMENT, holds=["Data types don't match", "float"]):
        call(prediction, method, spec(model, signature=signature_of(method)), example_list(example(x=b"2")))


@METHOD
@pytest.mark.parametrize(
    ("model", "code", "text"),
    [
        (None, StatusCode.INVALID_ARGUMENT, "Missing ModelSpec"),
        (spec(signature="x"), StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified."),
        (spec("nobody"), StatusCode.NOT_FOUND, "Servable not found for request: Latest(nobody)"),
        (
            spec(HALF_PLUS_TWO, version=9),
            StatusCode.NOT_FOUND,
            "Servable not found for request: Specific(half_plus_two, 9)",
        ),
    ],
    ids=["no spec", "no name", "unknown", "unknown version"],
)
def test_refused_models(prediction, method, model, code, text):
    with refused(code, text):
        call(prediction, method, model, TWO)
