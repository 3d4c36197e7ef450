"""GetModelMetadata (servables/tensorflow/get_model_metadata_impl_test.cc)."""

from __future__ import annotations

import pytest
from grpc import StatusCode
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import get_model_metadata_pb2

from tests.conformance.calls import SECONDS, refused, spec
from tests.conformance.models import HALF_PLUS_TWO, HALF_PLUS_TWO_TF2, SEVERAL, VERSIONED

pytestmark = [pytest.mark.tensorflow, pytest.mark.source("servables/tensorflow/get_model_metadata_impl_test.cc")]

BOTH = pytest.mark.parametrize("model", [HALF_PLUS_TWO, HALF_PLUS_TWO_TF2])
HEADS = {"serving_default", "regress_x_to_y", "regress_x_to_y2", "classify_x_to_y"}


def ask(prediction, model, *fields):
    request = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=model, metadata_field=fields)
    return prediction.GetModelMetadata(request, SECONDS)


def signatures(answer):
    assert list(answer.metadata) == ["signature_def"]
    found = get_model_metadata_pb2.SignatureDefMap()
    assert answer.metadata["signature_def"].Unpack(found)
    return found.signature_def


@BOTH
def test_signatures(prediction, model):
    answer = ask(prediction, spec(model), "signature_def")
    assert answer.model_spec == spec(model, version=123)
    found = signatures(answer)
    assert set(found) >= HEADS
    default = found["serving_default"]
    assert (list(default.inputs), list(default.outputs)) == (["x"], ["y"])
    assert default.inputs["x"].dtype == default.outputs["y"].dtype == types_pb2.DT_FLOAT
    assert default.method_name == "tensorflow/serving/predict"


def test_methods_and_shapes(prediction):
    found = signatures(ask(prediction, spec(HALF_PLUS_TWO), "signature_def"))
    assert found["classify_x_to_y"].method_name == "tensorflow/serving/classify"
    assert found["regress_x_to_y"].method_name == "tensorflow/serving/regress"
    examples = found["regress_x_to_y"].inputs["inputs"]
    assert (examples.name, examples.dtype) == ("tf_example:0", types_pb2.DT_STRING)
    assert [dim.size for dim in examples.tensor_shape.dim] == [-1]


def test_several_inputs(prediction):
    found = signatures(ask(prediction, spec(SEVERAL), "signature_def"))
    assert {name: info.dtype for name, info in found["repeat"].inputs.items()} == {
        "text": types_pb2.DT_STRING,
        "times": types_pb2.DT_INT64,
    }
    assert "serving_default" not in found


@pytest.mark.parametrize(
    ("asked", "version"),
    [
        (spec(VERSIONED, version=1), 1),
        (spec(VERSIONED, label="canary"), 2),
        (spec(VERSIONED), 3),
    ],
    ids=["number", "label", "latest"],
)
def test_of_a_version(prediction, asked, version):
    assert ask(prediction, asked, "signature_def").model_spec == spec(VERSIONED, version=version)


@BOTH
def test_a_field_named_twice(prediction, model):
    assert set(signatures(ask(prediction, spec(model), "signature_def", "signature_def"))) >= HEADS


@BOTH
def test_no_field(prediction, model):
    with refused(StatusCode.INVALID_ARGUMENT, "GetModelMetadataRequest must specify at least one metadata_field"):
        ask(prediction, spec(model))


@pytest.mark.deviation("metadata_field")
@pytest.mark.parametrize("fields", [["other"], ["signature_def", "other"]], ids=["alone", "second"])
def test_an_unknown_field(prediction, fields):
    stock, ours = "Metadata field %s is not supportedother", "Metadata field other is not supported"
    with refused(StatusCode.INVALID_ARGUMENT, stock, ours):
        ask(prediction, spec(HALF_PLUS_TWO), *fields)


@pytest.mark.parametrize(
    ("model", "code", "text"),
    [
        (None, StatusCode.INVALID_ARGUMENT, "Missing ModelSpec"),
        (spec(), StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified."),
        (spec("nobody"), StatusCode.NOT_FOUND, "Servable not found for request: Latest(nobody)"),
        (
            spec(HALF_PLUS_TWO, version=1),
            StatusCode.NOT_FOUND,
            "Servable not found for request: Specific(half_plus_two, 1)",
        ),
    ],
    ids=["no spec", "no name", "unknown", "unknown version"],
)
def test_refused_models(prediction, model, code, text):
    with refused(code, text):
        ask(prediction, model, "signature_def")
