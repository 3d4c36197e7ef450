"""Requests to a model, and how it refuses them."""

from __future__ import annotations

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, input_pb2, predict_pb2, regression_pb2

from serving.client.messages.tensors import fill
from serving.errors import StatusError

INVALID, FAILED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION
INTERNAL, UNIMPLEMENTED = grpc.StatusCode.INTERNAL, grpc.StatusCode.UNIMPLEMENTED


def example(**values):
    features = {name: tf.train.Feature(float_list=tf.train.FloatList(value=[value])) for name, value in values.items()}
    return tf.train.Example(features=tf.train.Features(feature=features))


def examples(*values):
    return input_pb2.Input(example_list=input_pb2.ExampleList(examples=[example(x=value) for value in values]))


def predict_request(array, *, signature="", alias="x", output_filter=()):
    request = predict_pb2.PredictRequest(output_filter=output_filter)
    request.model_spec.signature_name = signature
    if array is not None:
        fill(request.inputs[alias], array)
    return request


def classification(signature, request_input):
    request = classification_pb2.ClassificationRequest(input=request_input)
    request.model_spec.signature_name = signature
    return request


def regression(signature, request_input):
    request = regression_pb2.RegressionRequest(input=request_input)
    request.model_spec.signature_name = signature
    return request


def refusal(call):
    with pytest.raises(StatusError) as caught:
        call()
    return caught.value.code, caught.value.text


NO_CLASSIFICATION = "No classification inputs found in SignatureDef: "
NO_REGRESSION = "No regression inputs found in SignatureDef: "
NO_OUTPUTS = "No regression outputs found in SignatureDef: "
