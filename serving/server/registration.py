"""Servicers on a gRPC server, as the generated ``add_..._to_server`` puts them, but safe from bytes that do not parse.

gRPC Python (1.85) leaks about 19 KB for every request whose deserializer raises, and logs a traceback, so anybody
could fill the memory. The deserializer here never raises; the handler refuses instead, with gRPC's own code and text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

from serving.part import GrpcService
from serving.server.servicers import within_deadline

# Method to request and response (apis/prediction_service.proto, apis/model_service.proto).
Methods = Mapping[str, tuple[type[message.Message], type[message.Message]]]
PREDICTION_SERVICE: Methods = {
    "Predict": (predict_pb2.PredictRequest, predict_pb2.PredictResponse),
    "Classify": (classification_pb2.ClassificationRequest, classification_pb2.ClassificationResponse),
    "Regress": (regression_pb2.RegressionRequest, regression_pb2.RegressionResponse),
    "MultiInference": (inference_pb2.MultiInferenceRequest, inference_pb2.MultiInferenceResponse),
    "GetModelMetadata": (
        get_model_metadata_pb2.GetModelMetadataRequest,
        get_model_metadata_pb2.GetModelMetadataResponse,
    ),
}
MODEL_SERVICE: Methods = {
    "GetModelStatus": (get_model_status_pb2.GetModelStatusRequest, get_model_status_pb2.GetModelStatusResponse),
    "HandleReloadConfigRequest": (
        model_management_pb2.ReloadConfigRequest,
        model_management_pb2.ReloadConfigResponse,
    ),
}
SERVICES = {
    "tensorflow_serving/apis/prediction_service.proto": {"PredictionService": PREDICTION_SERVICE},
    "tensorflow_serving/apis/model_service.proto": {"ModelService": MODEL_SERVICE},
}
_PACKAGE = "tensorflow.serving"
_UNPARSABLE = object()
_Handler = Callable[[Any, grpc.ServicerContext], Any]


class _MethodRegistry(Protocol):
    """What the types of gRPC (1.85) leave out of ``grpc.Server``."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler]) -> None: ...


def definition(files: Mapping[str, Mapping[str, Methods]]) -> descriptor_pool.DescriptorPool:
    """A pool with the definitions of services and all they import.

    The generated modules of tensorflow-serving-api (2.19) for the services do not import with protobuf's C parser.

    Args:
        files: by the name of each file, its services and their methods.
    """
    pool = descriptor_pool.DescriptorPool()
    added: set[str] = set()

    def add(file: Any) -> None:
        if file.name not in added:
            added.add(file.name)
            for dependency in file.dependencies:
                add(dependency)
            pool.AddSerializedFile(file.serialized_pb)

    for name, services in files.items():
        kinds = [kind.DESCRIPTOR for methods in services.values() for pair in methods.values() for kind in pair]
        imported = {kind.file.name: kind.file for kind in kinds}
        for file in imported.values():
            add(file)
        written = descriptor_pb2.FileDescriptorProto(
            name=name, package=_PACKAGE, syntax="proto3", dependency=sorted(imported)
        )
        for service, methods in services.items():
            declared = written.service.add(name=service)
            for method, (request, response) in methods.items():
                declared.method.add(
                    name=method,
                    input_type=f".{request.DESCRIPTOR.full_name}",
                    output_type=f".{response.DESCRIPTOR.full_name}",
                )
        pool.AddSerializedFile(written.SerializeToString())
    return pool


def register(server: grpc.Server, service: str, methods: Methods, servicer: object) -> None:
    """Let ``servicer`` answer the methods of ``tensorflow.serving.<service>`` on ``server``."""
    handlers = {method: (*kinds, getattr(servicer, method)) for method, kinds in methods.items()}
    _register(server, f"{_PACKAGE}.{service}", handlers)


def register_other(server: grpc.Server, service: GrpcService) -> None:
    """Let a part's service answer on ``server``."""
    handlers = {
        method: (request, response, within_deadline(answer))
        for method, (request, response, answer) in service.methods.items()
    }
    _register(server, service.name, handlers)


def _register(server: grpc.Server, name: str, methods: Mapping[str, tuple[Any, Any, _Handler]]) -> None:
    handlers = {
        method: grpc.unary_unary_rpc_method_handler(
            _refusing(answer),
            request_deserializer=_parser(request),
            response_serializer=response.SerializeToString,
        )
        for method, (request, response, answer) in methods.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
    cast(_MethodRegistry, server).add_registered_method_handlers(name, handlers)


def _parser(kind: type[message.Message]) -> Callable[[bytes], Any]:
    def parse(data: bytes) -> Any:
        try:
            return kind.FromString(data)
        except message.DecodeError:
            return _UNPARSABLE

    return parse


def _refusing(handler: _Handler) -> _Handler:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        if request is _UNPARSABLE:
            context.abort(grpc.StatusCode.INTERNAL, "Exception deserializing request!")
        return handler(request, context)

    return answer
