"""Predict: any signature, tensors in, tensors out (servables/tensorflow/predict_util_test.cc and others)."""

from __future__ import annotations

import pytest
from grpc import StatusCode
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2

from tests.conformance.calls import SECONDS, predict_request, refused, shape_of, spec, tensor, values_of
from tests.conformance.models import HALF_PLUS_THREE, HALF_PLUS_TWO, HALF_PLUS_TWO_TF2, SEVERAL, SLOW

pytestmark = [pytest.mark.tensorflow, pytest.mark.source("servables/tensorflow/predict_util_test.cc")]

BOTH = pytest.mark.parametrize("model", [HALF_PLUS_TWO, HALF_PLUS_TWO_TF2])
X = tensor([2.0])


@pytest.mark.source("model_servers/tensorflow_model_server_test.py", "servables/tensorflow/predict_util_test.cc")
@BOTH
@pytest.mark.parametrize("output_filter", [[], ["y"]], ids=["all outputs", "filtered"])
def test_half_plus_two(prediction, model, output_filter):
    answer = prediction.Predict(predict_request(spec(model), output_filter, x=X), SECONDS)
    assert list(answer.outputs) == ["y"]
    assert answer.outputs["y"].dtype == types_pb2.DT_FLOAT
    assert values_of(answer.outputs["y"]) == [3.0]
    assert shape_of(answer.outputs["y"]) == [1]
    assert answer.model_spec == spec(model, version=123, signature="serving_default")


def test_models_of_one_config_are_apart(prediction):
    answers = [
        prediction.Predict(predict_request(spec(model), x=X), SECONDS).outputs["y"].float_val[0]
        for model in (HALF_PLUS_TWO, HALF_PLUS_THREE)
    ]
    assert answers == [3.0, 4.0]


@BOTH
def test_signature_and_version_by_name(prediction, model):
    asked = spec(model, version=123, signature="serving_default")
    answer = prediction.Predict(predict_request(asked, x=X), SECONDS)
    assert answer.model_spec == asked
    assert values_of(answer.outputs["y"]) == [3.0]


def test_values_as_tensor_content(prediction):
    given = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_content=bytes.fromhex("0000004000008040"))
    given.tensor_shape.dim.add(size=2)
    answer = prediction.Predict(predict_request(spec(HALF_PLUS_TWO), x=given), SECONDS)
    assert values_of(answer.outputs["y"]) == [3.0, 4.0]


@pytest.mark.source("tensorflow: core/framework/tensor.cc")
@pytest.mark.parametrize(
    ("given", "expected"),
    [([2.0], [3.0, 3.0, 3.0]), ([2.0, 4.0], [3.0, 4.0, 4.0]), ([], [2.0] * 3), ([2.0, 4.0, 6.0, 8.0], [3.0, 4.0, 5.0])],
    ids=["one value fills", "the last value fills", "none are zeros", "what is too much is left out"],
)
def test_values_that_are_not_as_many_as_the_shape_says(prediction, given, expected):
    """TensorFlow's own reader of TensorProto (core/framework/tensor.cc) decides."""
    answer = prediction.Predict(predict_request(spec(HALF_PLUS_TWO), x=tensor(given, shape=[3, 1])), SECONDS)
    assert values_of(answer.outputs["y"]) == expected
    assert shape_of(answer.outputs["y"]) == [3, 1]


def test_no_rows(prediction):
    answer = prediction.Predict(predict_request(spec(HALF_PLUS_TWO), x=tensor([], shape=[0, 1])), SECONDS)
    assert (shape_of(answer.outputs["y"]), values_of(answer.outputs["y"])) == ([0, 1], [])


def test_strings_and_whole_numbers(prediction):
    given = {"text": tensor([b"a", b"\xff\x00"], types_pb2.DT_STRING), "times": tensor([3, -4], types_pb2.DT_INT64)}
    answer = prediction.Predict(predict_request(spec(SEVERAL, signature="repeat"), **given), SECONDS)
    assert values_of(answer.outputs["text"]) == [b"a:3", b"\xff\x00:-4"]
    assert values_of(answer.outputs["twice"]) == [6, -8]


def test_output_filter_leaves_the_others_out(prediction):
    given = {"text": tensor([b"a"], types_pb2.DT_STRING), "times": tensor([3], types_pb2.DT_INT64)}
    answer = prediction.Predict(predict_request(spec(SEVERAL, signature="repeat"), ["twice"], **given), SECONDS)
    assert list(answer.outputs) == ["twice"]


@pytest.mark.source("tensorflow: core/framework/tensor.cc")
def test_every_type_comes_back(prediction):
    given = {
        "float64": tensor([0.1, -1e300], types_pb2.DT_DOUBLE),
        "int32": tensor([-(2**31), 7], types_pb2.DT_INT32),
        "bool": tensor([True, False], types_pb2.DT_BOOL),
        "uint8": tensor([255, 0], types_pb2.DT_UINT8),
        "int16": tensor([-32768, 1], types_pb2.DT_INT16),
        "uint32": tensor([2**32 - 1, 0], types_pb2.DT_UINT32),
        "uint64": tensor([2**64 - 1, 0], types_pb2.DT_UINT64),
    }
    answer = prediction.Predict(predict_request(spec(SEVERAL, signature="types"), **given), SECONDS)
    assert dict(answer.outputs) == given


def test_rows_of_any_length(prediction):
    given = tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], shape=[2, 3])
    answer = prediction.Predict(predict_request(spec(SEVERAL, signature="row_sum"), values=given), SECONDS)
    assert values_of(answer.outputs["sum"]) == [6.0, 15.0]


def test_a_scalar_has_no_dimension(prediction):
    answer = prediction.Predict(predict_request(spec(SEVERAL, signature="total"), values=tensor([1.0, 2.0])), SECONDS)
    assert (shape_of(answer.outputs["total"]), values_of(answer.outputs["total"])) == ([], [3.0])


@pytest.mark.parametrize("signature", ["regress_x_to_y", "classify_x_to_y"])
def test_other_methods_signatures_take_tensors_too(prediction, signature):
    from tests.conformance.calls import example

    given = tensor([example(x=2.0).SerializeToString()], types_pb2.DT_STRING)
    answer = prediction.Predict(predict_request(spec(HALF_PLUS_TWO, signature=signature), inputs=given), SECONDS)
    assert [values_of(output) for output in answer.outputs.values()] == [[3.0]]


@BOTH
def test_ten_megabytes(prediction, model):
    """gRPC's own limit would be 4 MB, both ways."""
    count = 2_500_000
    answer = prediction.Predict(predict_request(spec(model), x=tensor([2.0] * count, shape=[count, 1])), SECONDS)
    assert len(answer.outputs["y"].float_val) == count


@pytest.mark.parametrize(
    ("model", "code", "text"),
    [
        (None, StatusCode.INVALID_ARGUMENT, "Missing ModelSpec"),
        (spec(), StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified."),
        (spec(signature="serving_default"), StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified."),
        (spec("nobody"), StatusCode.NOT_FOUND, "Servable not found for request: Latest(nobody)"),
        (spec("nobody", version=7), StatusCode.NOT_FOUND, "Servable not found for request: Specific(nobody, 7)"),
        (
            spec(HALF_PLUS_TWO, version=7),
            StatusCode.NOT_FOUND,
            "Servable not found for request: Specific(half_plus_two, 7)",
        ),
        (
            spec(HALF_PLUS_TWO, signature="nothing"),
            StatusCode.FAILED_PRECONDITION,
            'Serving signature key "nothing" not found.',
        ),
        (spec(SEVERAL), StatusCode.FAILED_PRECONDITION, 'Serving signature key "serving_default" not found.'),
    ],
    ids=[
        "no spec",
        "empty spec",
        "no name",
        "unknown",
        "unknown by version",
        "unknown version",
        "signature",
        "no default signature",
    ],
)
def test_refused_models(prediction, model, code, text):
    request = predict_pb2.PredictRequest(model_spec=model, inputs={"x": X})
    with refused(code, text):
        prediction.Predict(request, SECONDS)


@BOTH
@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        (
            {},
            "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.",
        ),
        (
            {"x": X, "z": X},
            "input size does not match signature: 2!=1 len({x,z}) != len({x}). "
            "Sent extra: {z}. Missing but required: {}.",
        ),
    ],
    ids=["missing", "extra"],
)
def test_inputs_that_do_not_match(prediction, model, inputs, text):
    with refused(StatusCode.INVALID_ARGUMENT, text):
        prediction.Predict(predict_request(spec(model), **inputs), SECONDS)


@BOTH
def test_an_input_of_another_name(prediction, model):
    holds = ["not found in request and no default value provided. Inputs expected to be in the request {z}, or default"]
    with refused(StatusCode.INVALID_ARGUMENT, begins="Signature input alias: x(feed name: ", holds=holds):
        prediction.Predict(predict_request(spec(model), z=X), SECONDS)


def _content(size: int) -> tensor_pb2.TensorProto:
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_content=b"\0" * size)
    proto.tensor_shape.dim.add(size=2)
    return proto


@BOTH
@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(tensor([1.0], shape=[-1]), id="negative size"),
        pytest.param(tensor([1.0], shape=[2**40, 2**40]), id="overflowing shape"),
        pytest.param(tensor_pb2.TensorProto(), id="no type"),
        pytest.param(tensor_pb2.TensorProto(dtype=999, float_val=[1.0]), id="unknown type"),
        pytest.param(_content(7), id="odd content"),
        pytest.param(_content(12), id="too much content"),
    ],
)
def test_tensors_that_cannot_be_read(prediction, model, broken):
    with refused(StatusCode.INVALID_ARGUMENT, begins="tensor parsing error: x"):
        prediction.Predict(predict_request(spec(model), x=broken), SECONDS)


@BOTH
@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (tensor([b"2"], types_pb2.DT_STRING), "string"),
        (tensor([2], types_pb2.DT_INT64), "int64"),
        (tensor([2.0], types_pb2.DT_DOUBLE), "double"),
        (tensor([True], types_pb2.DT_BOOL), "bool"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_type(prediction, model, given, kind):
    with refused(StatusCode.INVALID_ARGUMENT, f"Expects arg[0] to be float but {kind} is provided"):
        prediction.Predict(predict_request(spec(model), x=given), SECONDS)


def test_a_shape_that_the_kernel_refuses(prediction):
    request = predict_request(spec(SEVERAL, signature="add"), a=tensor([1.0, 2.0]), b=tensor([1.0, 2.0, 3.0]))
    with refused(StatusCode.INVALID_ARGUMENT, holds=["Incompatible shapes: [2] vs. [3]"]):
        prediction.Predict(request, SECONDS)


@BOTH
@pytest.mark.parametrize(
    ("outputs", "begins"),
    [
        (["nothing"], "output tensor alias not found in signature: nothing Outputs expected to be in the set {y}."),
        (["y", "y"], "duplicate output tensor alias: y"),
    ],
    ids=["unknown", "duplicate"],
)
def test_refused_output_filters(prediction, model, outputs, begins):
    with refused(StatusCode.INVALID_ARGUMENT, begins=begins):
        prediction.Predict(predict_request(spec(model), outputs, x=X), SECONDS)


@pytest.mark.source("model_servers/grpc_status_util.cc")
def test_a_long_text_is_cut(prediction):
    name = "s" * 3000
    with refused(StatusCode.FAILED_PRECONDITION, ('Serving signature key "' + name)[: 1024 - 12] + "...TRUNCATED"):
        prediction.Predict(predict_request(spec(HALF_PLUS_TWO, signature=name), x=X), SECONDS)


def test_a_deadline_ends_the_run(prediction):
    request = predict_request(spec(SLOW), x=X, turns=tensor([10**9], types_pb2.DT_INT64))
    with refused(StatusCode.DEADLINE_EXCEEDED):
        prediction.Predict(request, timeout=0.3)
    few = predict_request(spec(SLOW), x=X, turns=tensor([3], types_pb2.DT_INT64))
    assert values_of(prediction.Predict(few, SECONDS).outputs["x"]) == [2.0]
