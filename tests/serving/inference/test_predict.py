"""Predict on a loaded model: outputs, filters, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from serving.client.messages.tensors import to_array
from serving.inference import calls as inference
from tests.serving.inference.requests import (
    FAILED,
    INVALID,
    classification,
    examples,
    predict_request,
    refusal,
    regression,
)

pytestmark = pytest.mark.tensorflow

X = np.array([[1.0], [2.0], [5.0]], np.float32)


def test_predict_answers_in_typed_fields(model):
    response = inference.predict(model, predict_request(X))
    assert list(response.outputs["y"].float_val) == [2.5, 3.0, 4.5]
    assert [dim.size for dim in response.outputs["y"].tensor_shape.dim] == [3, 1]
    assert response.model_spec.signature_name == "serving_default"
    assert not response.model_spec.name


def test_predict_answers_in_raw_bytes_with_the_flag(model):
    response = inference.predict(model, predict_request(X), tensor_content=True)
    assert response.outputs["y"].tensor_content == np.array([2.5, 3.0, 4.5], np.float32).tobytes()
    assert not response.outputs["y"].float_val


def test_an_output_filter_leaves_the_others_out(model):
    response = inference.predict(model, predict_request(X, signature="two_outputs", output_filter=["label", "twice"]))
    assert {name: to_array(proto).ravel().tolist() for name, proto in response.outputs.items()} == {
        "label": [b"2.5", b"3.0", b"4.5"],
        "twice": [5.0, 6.0, 9.0],
    }
    every = inference.predict(model, predict_request(X, signature="two_outputs"))
    assert set(every.outputs) == {"y", "twice", "label"}


def test_outputs_may_have_no_dimensions(model):
    response = inference.predict(model, predict_request(np.float32(1.0), signature="two_outputs"))
    assert {name: to_array(proto).tolist() for name, proto in response.outputs.items()} == {
        "y": 2.5,
        "twice": 5.0,
        "label": b"2.5",
    }
    assert all(not proto.tensor_shape.dim for proto in response.outputs.values())


def test_the_time_of_the_run_is_reported_once(model):
    times = []
    inference.predict(model, predict_request(X), on_run=times.append)
    inference.regress(model, regression("regress", examples(1.0)), on_run=times.append)
    inference.classify(model, classification("classify", examples(1.0)), on_run=times.append)
    assert len(times) == 3
    assert all(0 < micros < 60e6 for micros in times)


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        (predict_request(X, signature="s"), FAILED, 'Serving signature key "s" not found.'),
        (predict_request(None), INVALID, "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra:"),
        (predict_request(X, alias="z"), INVALID, "Signature input alias: x(feed name: x:0) not found in request"),
        (predict_request(np.array([b"1"], object)), INVALID, "Expects arg[0] to be float but string is provided"),
        (predict_request(X, output_filter=["q"]), INVALID, "output tensor alias not found in signature: q"),
        (predict_request(X, output_filter=["y", "y"]), INVALID, "duplicate output tensor alias: y"),
    ],
)
def test_predict_refuses(model, request_, code, text):
    found_code, found_text = refusal(lambda: inference.predict(model, request_))
    assert found_code == code
    assert found_text.startswith(text)


def test_a_tensor_that_cannot_be_read_is_named(model):
    request = predict_request(X)
    request.inputs["x"].tensor_content = b"123"
    assert refusal(lambda: inference.predict(model, request)) == (INVALID, "tensor parsing error: x")


@pytest.mark.parametrize("timeout_seconds", [None, 30.0])
@pytest.mark.parametrize("value", [b"?", b"\xff\xfe", b"\x00\xff", b"\xff" * 3000])
def test_bytes_that_are_no_example_are_quoted_as_far_as_text_can(model, value, timeout_seconds):
    request = predict_request(np.array([value], object), signature="regress", alias="inputs")
    code, text = refusal(lambda: inference.predict(model, request, timeout_seconds=timeout_seconds))
    assert code == INVALID
    assert text.startswith("Could not parse example input, value: '")
    # On the wire every byte that is not ASCII takes three, and headers must stay below 8 KB.
    assert len(text.encode()) <= 1024


def test_predict_asks_no_signature_for_its_methods_name(model):
    assert inference.predict(model, predict_request(X, signature="no_method")).outputs["y"].float_val
