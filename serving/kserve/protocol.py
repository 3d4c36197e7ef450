"""The messages of the open inference protocol (specification/protocol/open_inference_grpc.proto)."""

from __future__ import annotations

import functools
from typing import Any

from google.protobuf import descriptor_pool, message_factory

from serving.proto_files import (
    BOOL,
    BYTES,
    DOUBLE,
    FLOAT,
    INT32,
    INT64,
    STRING,
    UINT32,
    UINT64,
    Fields,
    Map,
    Method,
    file_of,
    pool_of,
)

PACKAGE, SERVICE = "inference", "GRPCInferenceService"
METHODS = ("ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer")
_MODEL: Fields = {"name": (1, STRING), "version": (2, STRING)}
_PARAMETERS = Map("InferParameter")
_TENSOR: Fields = {
    "name": (1, STRING),
    "datatype": (2, STRING),
    "shape": (3, [INT64]),
    "parameters": (4, _PARAMETERS),
    "contents": (5, "InferTensorContents"),
}
_CHOICES: Fields = {
    "bool_param": (1, BOOL),
    "int64_param": (2, INT64),
    "string_param": (3, STRING),
    "double_param": (4, DOUBLE),
    "uint64_param": (5, UINT64),
}
_MESSAGES: dict[str, Fields] = {
    "ServerLiveRequest": {},
    "ServerLiveResponse": {"live": (1, BOOL)},
    "ServerReadyRequest": {},
    "ServerReadyResponse": {"ready": (1, BOOL)},
    "ModelReadyRequest": _MODEL,
    "ModelReadyResponse": {"ready": (1, BOOL)},
    "ServerMetadataRequest": {},
    "ServerMetadataResponse": {"name": (1, STRING), "version": (2, STRING), "extensions": (3, [STRING])},
    "ModelMetadataRequest": _MODEL,
    "ModelMetadataResponse": {
        "name": (1, STRING),
        "versions": (2, [STRING]),
        "platform": (3, STRING),
        "inputs": (4, ["ModelMetadataResponse.TensorMetadata"]),
        "outputs": (5, ["ModelMetadataResponse.TensorMetadata"]),
        "properties": (6, Map(STRING)),
    },
    "ModelMetadataResponse.TensorMetadata": {"name": (1, STRING), "datatype": (2, STRING), "shape": (3, [INT64])},
    "ModelInferRequest": {
        "model_name": (1, STRING),
        "model_version": (2, STRING),
        "id": (3, STRING),
        "parameters": (4, _PARAMETERS),
        "inputs": (5, ["ModelInferRequest.InferInputTensor"]),
        "outputs": (6, ["ModelInferRequest.InferRequestedOutputTensor"]),
        "raw_input_contents": (7, [BYTES]),
    },
    "ModelInferRequest.InferInputTensor": _TENSOR,
    "ModelInferRequest.InferRequestedOutputTensor": {"name": (1, STRING), "parameters": (2, _PARAMETERS)},
    "ModelInferResponse": {
        "model_name": (1, STRING),
        "model_version": (2, STRING),
        "id": (3, STRING),
        "parameters": (4, _PARAMETERS),
        "outputs": (5, ["ModelInferResponse.InferOutputTensor"]),
        "raw_output_contents": (6, [BYTES]),
    },
    "ModelInferResponse.InferOutputTensor": _TENSOR,
    "InferParameter": _CHOICES,
    "InferTensorContents": {
        "bool_contents": (1, [BOOL]),
        "int_contents": (2, [INT32]),
        "int64_contents": (3, [INT64]),
        "uint_contents": (4, [UINT32]),
        "uint64_contents": (5, [UINT64]),
        "fp32_contents": (6, [FLOAT]),
        "fp64_contents": (7, [DOUBLE]),
        "bytes_contents": (8, [BYTES]),
    },
}


@functools.cache
def pool() -> descriptor_pool.DescriptorPool:
    """The pool of the messages and the service."""
    methods = [Method(name=name, request=f"{name}Request", response=f"{name}Response") for name in METHODS]
    oneofs = {"InferParameter": {"parameter_choice": list(_CHOICES)}}
    return pool_of(file_of(PACKAGE, _MESSAGES, oneofs=oneofs, services={SERVICE: methods}))


@functools.cache
def message(name: str) -> Any:
    """The class of a message, such as ``ModelInferRequest``."""
    return message_factory.GetMessageClass(pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))
