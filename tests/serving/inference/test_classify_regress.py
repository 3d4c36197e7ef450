"""Classify and Regress on a loaded model: answers, contexts, outputs of wrong shapes."""

from __future__ import annotations

import pytest
from tensorflow_serving.apis import input_pb2

from serving.inference import calls as inference
from tests.conformance.calls import example, example_list, with_context
from tests.serving.inference.requests import (
    INTERNAL,
    INVALID,
    NO_CLASSIFICATION,
    NO_OUTPUTS,
    NO_REGRESSION,
    classification,
    examples,
    refusal,
    regression,
)

pytestmark = pytest.mark.tensorflow


def test_regress_takes_both_shapes(model):
    for name, expected in (("regress", [2.5, 3.0]), ("regress_flat", [3.5, 4.0])):
        response = inference.regress(model, regression(name, examples(1.0, 2.0)))
        assert [regression.value for regression in response.result.regressions] == expected
        assert response.model_spec.signature_name == name


def test_classify_gives_labels_scores_or_both(model):
    def classes(name):
        response = inference.classify(model, classification(name, examples(1.0, 2.0)))
        assert response.model_spec.signature_name == name
        return [[(c.label, c.score) for c in row.classes] for row in response.result.classifications]

    assert classes("classify") == [[("", 2.5)], [("", 3.0)]]
    assert classes("classify_labels") == [[("2.5", 0.0)], [("3.0", 0.0)]]
    assert classes("classify_both") == [[("2.5", 2.5), ("2.5", -2.5)], [("3.0", 3.0), ("3.0", -3.0)]]


def test_a_context_is_part_of_every_example_that_does_not_say_otherwise(model):
    given = with_context(example(x=4.0), example(other=1.0), example(x=6.0), example())
    response = inference.regress(model, regression("regress", given))
    assert [regression.value for regression in response.result.regressions] == [4.0, 5.0, 4.0]


SHAPE = "Expected Tensor shape: [batch_size num_classes] but got [2]"
NO_SCORES = 'Expected classification signature outputs to contain at least one of "classes" or "scores". '


@pytest.mark.parametrize(
    ("signature", "code", "text"),
    [
        ("", INVALID, NO_CLASSIFICATION),
        ("regress", INVALID, NO_SCORES),
        ("s", INVALID, "No signature was found with the name: s"),
        ("classify_flat", INVALID, SHAPE),
        ("classify_double", INVALID, "Expected scores Tensor of DT_FLOAT. Got: DT_DOUBLE"),
        ("classify_no_strings", INVALID, "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
        ("classify_one_row", INVALID, "Expected scores output batch size of 2. Got: 1"),
        ("classify_unequal", INVALID, "Tensors class and score should match in dim_size(1). Got 1 vs. 2"),
        ("classify_other_outputs", INVALID, NO_SCORES),
        ("classify_three_outputs", INVALID, "Expected one or two output Tensors, found 3"),
        ("classify_other_input", INVALID, NO_CLASSIFICATION),
        ("classify_not_utf8", INTERNAL, r"the model's label b'\xff' is not UTF-8"),
    ],
)
def test_classify_refuses(model, signature, code, text):
    found_code, found_text = refusal(lambda: inference.classify(model, classification(signature, examples(1.0, 2.0))))
    assert found_code == code
    assert found_text.startswith(text)


@pytest.mark.parametrize(
    ("signature", "code", "text"),
    [
        ("", INVALID, NO_REGRESSION),
        ("s", INVALID, "No signature was found with the name: s"),
        (
            "regress_wide",
            INVALID,
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]",
        ),
        ("regress_double", INVALID, "Expected output Tensor of DT_FLOAT.  Got: DT_DOUBLE"),
        ("regress_one_row", INVALID, "Input batch size did not match output batch size: 2 vs. 1"),
        ("regress_two_inputs", INVALID, "Expected one input Tensor."),
        ("regress_two_outputs", INVALID, "Expected one output Tensor."),
        ("regress_other_outputs", INVALID, NO_OUTPUTS),
        ("regress_other_name", INVALID, NO_REGRESSION),
    ],
)
def test_regress_refuses(model, signature, code, text):
    found_code, found_text = refusal(lambda: inference.regress(model, regression(signature, examples(1.0, 2.0))))
    assert found_code == code
    assert found_text.startswith(text)


def test_an_empty_input_is_refused(model):
    for empty in (input_pb2.Input(), with_context(example(x=1.0))):
        assert refusal(lambda empty=empty: inference.regress(model, regression("regress", empty))) == (
            INVALID,
            "Input is empty.",
        )
        assert refusal(lambda empty=empty: inference.classify(model, classification("classify", empty)))[0] == INVALID


def test_an_example_without_the_feature_is_refused_in_the_kernels_words(model):
    code, text = refusal(lambda: inference.regress(model, regression("regress", example_list(example(other=1.0)))))
    assert code == INVALID
    assert "Feature: x" in text


def test_a_head_may_call_itself_predict_as_those_of_tf_2_do(model):
    response = inference.regress(model, regression("regress_tf2", examples(1.0)))
    assert response.result.regressions[0].value == 2.5
