"""Predict with the data types that JSON does not have (tensorflow/core/framework/tensor.cc)."""

from __future__ import annotations

import struct

import pytest
from tensorflow.core.framework import tensor_pb2, types_pb2

from tests.conformance.calls import SECONDS, predict_request, spec, tensor
from tests.conformance.models import SEVERAL

pytestmark = [pytest.mark.tensorflow, pytest.mark.source("tensorflow: core/framework/tensor.cc")]

# As tensorflow/core/framework/tensor.cc reads and writes them.
OTHER_TYPES = {
    "half": tensor([0x3C00, 0xC000], types_pb2.DT_HALF),
    "bfloat16": tensor([0x3F80, 0xC000], types_pb2.DT_BFLOAT16),
    "complex64": tensor([1.0, 2.0, 0.0, -3.0], types_pb2.DT_COMPLEX64, shape=[2]),
    "complex128": tensor([1e300, 2.0, 0.0, -3.0], types_pb2.DT_COMPLEX128, shape=[2]),
    "int8": tensor([-128, 127], types_pb2.DT_INT8),
    "uint16": tensor([2**16 - 1, 0], types_pb2.DT_UINT16),
    "qint8": tensor([-128, 127], types_pb2.DT_QINT8),
    "quint16": tensor([2**16 - 1, 0], types_pb2.DT_QUINT16),
    "float8_e5m2": tensor(b"\x3c\xc0", types_pb2.DT_FLOAT8_E5M2, shape=[2]),
    "int4": tensor([-8, 7], types_pb2.DT_INT4),
}


def test_types_that_only_grpc_has_come_back(prediction):
    request = predict_request(spec(SEVERAL, signature="other_types"), **OTHER_TYPES)
    assert dict(prediction.Predict(request, SECONDS).outputs) == OTHER_TYPES


def test_types_that_only_grpc_has_as_tensor_content(prediction):
    content = {
        "half": b"\x00\x3c\x00\xc0",
        "bfloat16": b"\x80\x3f\x00\xc0",
        "complex64": bytes.fromhex("0000803f 00000040 00000000 000040c0"),
        "complex128": struct.pack("<4d", 1e300, 2.0, 0.0, -3.0),
        "int8": b"\x80\x7f",
        "uint16": b"\xff\xff\x00\x00",
        "qint8": b"\x80\x7f",
        "quint16": b"\xff\xff\x00\x00",
        "float8_e5m2": b"\x3c\xc0",
        "int4": b"\xf8\x07",
    }
    given = {}
    for name, raw in content.items():
        given[name] = tensor_pb2.TensorProto(dtype=OTHER_TYPES[name].dtype, tensor_content=raw)
        given[name].tensor_shape.dim.add(size=2)
    answer = prediction.Predict(predict_request(spec(SEVERAL, signature="other_types"), **given), SECONDS)
    assert dict(answer.outputs) == OTHER_TYPES
