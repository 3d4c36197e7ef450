"""Below the messages: the socket, unknown methods, bytes that do not parse."""

from __future__ import annotations

import grpc
import pytest
from grpc import StatusCode

from tests.conformance.calls import SECONDS, predict_request, refused, spec, tensor, values_of
from tests.conformance.models import HALF_PLUS_TWO

pytestmark = [pytest.mark.tensorflow, pytest.mark.source("model_servers/server.cc")]

X = tensor([2.0])


def raw(channel, method):
    """A call that sends and gets bytes."""
    return channel.unary_unary(method, request_serializer=None, response_deserializer=None)


def test_unix_socket(target):
    from tensorflow_serving.apis import prediction_service_pb2_grpc

    if not target.socket:
        pytest.skip("a socket is a file of the server's machine")
    with grpc.insecure_channel(f"unix:{target.socket}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        answer = stub.Predict(predict_request(spec(HALF_PLUS_TWO), x=X), SECONDS)
    assert values_of(answer.outputs["y"]) == [3.0]


@pytest.mark.parametrize("method", ["/tensorflow.serving.PredictionService/Nothing", "/no.Service/Predict"])
def test_an_unknown_method(channel, method):
    with refused(StatusCode.UNIMPLEMENTED):
        raw(channel, method)(b"", timeout=SECONDS)


@pytest.mark.parametrize("method", ["Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata"])
@pytest.mark.parametrize("message", [b"\xff" * 20, b"\x0a\x7fshort"], ids=["no message", "cut off"])
def test_bytes_that_are_no_request(channel, method, message):
    """gRPC itself answers; neither the C++ nor the Python server gets to see them."""
    with refused(StatusCode.INTERNAL):
        raw(channel, f"/tensorflow.serving.PredictionService/{method}")(message, timeout=SECONDS)


def test_unknown_fields_are_passed_over(channel):
    request = predict_request(spec(HALF_PLUS_TWO), x=X).SerializeToString()
    field_999_varint_1 = b"\xb8\x3e\x01"
    assert raw(channel, "/tensorflow.serving.PredictionService/Predict")(request + field_999_varint_1, timeout=SECONDS)
