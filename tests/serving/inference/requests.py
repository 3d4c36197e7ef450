"""Requests to a model, and how it refuses them."""

from __future__ import annotations

import grpc
import pytest
from tensorflow_serving.apis import predict_pb2

from serving.client.messages.tensors import fill
from serving.errors import StatusError
from tests.conformance.calls import classify_request, example, example_list, regress_request, spec

INVALID, FAILED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION
INTERNAL, UNIMPLEMENTED = grpc.StatusCode.INTERNAL, grpc.StatusCode.UNIMPLEMENTED


def examples(*values):
    return example_list(*[example(x=value) for value in values])


def predict_request(array, *, signature="", alias="x", output_filter=()):
    request = predict_pb2.PredictRequest(output_filter=output_filter)
    request.model_spec.signature_name = signature
    if array is not None:
        fill(request.inputs[alias], array)
    return request


def classification(signature, given):
    return classify_request(spec(signature=signature), given)


def regression(signature, given):
    return regress_request(spec(signature=signature), given)


def refusal(call):
    with pytest.raises(StatusError) as caught:
        call()
    return caught.value.code, caught.value.text


NO_CLASSIFICATION = "No classification inputs found in SignatureDef: "
NO_REGRESSION = "No regression inputs found in SignatureDef: "
NO_OUTPUTS = "No regression outputs found in SignatureDef: "
