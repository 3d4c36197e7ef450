"""PredictionService and ModelService over a `ModelManager`, with TF Serving's status codes and texts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.client import tensors
from serving.engine import InvalidRequest, SavedModel
from serving.manager import ModelManager, ModelNotFound

_LONGEST_MESSAGE = 1024
_TRUNCATED = "...TRUNCATED"
_DEFAULT_SIGNATURE = "serving_default"


class _Abort(Exception):
    def __init__(self, code: grpc.StatusCode, details: str):
        super().__init__(details)
        self.code = code


@contextmanager
def _errors_as_status(context: grpc.ServicerContext) -> Iterator[None]:
    """Turn what a handler raises into the status code and text that TF Serving gives."""
    try:
        yield
    except _Abort as error:
        code, text = error.code, str(error)
    except ModelNotFound as error:
        code, text = grpc.StatusCode.NOT_FOUND, str(error)
    except (InvalidRequest, tensors.TensorError) as error:
        code, text = grpc.StatusCode.INVALID_ARGUMENT, str(error)
    except tf.errors.OpError as error:
        code, text = _STATUS_OF_TF[error.error_code], error.message
    else:
        return
    if len(text) > _LONGEST_MESSAGE:
        text = text[: _LONGEST_MESSAGE - len(_TRUNCATED)] + _TRUNCATED
    context.abort(code, text)


# TensorFlow's and gRPC's codes are the same numbers (google/rpc/code.proto).
_STATUS_OF_TF = {code.value[0]: code for code in grpc.StatusCode}


def _find(managers: dict[str, ModelManager], spec: model_pb2.ModelSpec) -> tuple[ModelManager, int | None]:
    if not spec.name:
        raise InvalidRequest("Missing ModelSpec" if not spec.ByteSize() else "ModelSpec has no name specified.")
    if spec.HasField("version_label"):
        raise InvalidRequest(f"Unrecognized servable version label: {spec.version_label}")
    version = spec.version.value if spec.HasField("version") else None
    if spec.name not in managers:
        wanted = f"Latest({spec.name})" if version is None else f"Specific({spec.name}, {version})"
        raise ModelNotFound(f"Servable not found for request: {wanted}")
    return managers[spec.name], version


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata."""

    def __init__(self, managers: dict[str, ModelManager]):
        self._managers = managers

    def Predict(  # noqa: N802, D102 (named by the service's definition)
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        response = predict_pb2.PredictResponse()
        with _errors_as_status(context):
            manager, version = _find(self._managers, request.model_spec)
            name = request.model_spec.signature_name or _DEFAULT_SIGNATURE
            inputs = {key: _parse(key, proto) for key, proto in request.inputs.items()}
            with manager.acquire(version) as (loaded_version, model):
                if name not in model.signatures:
                    raise _Abort(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
                outputs = model.run(model.signatures[name], inputs, output_filter=request.output_filter)
            for key, array in outputs.items():
                tensors.fill(response.outputs[key], array)
            _fill_spec(response.model_spec, manager.name, loaded_version, name)
        return response

    def GetModelMetadata(  # noqa: N802, D102
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        with _errors_as_status(context):
            if not request.metadata_field:
                raise InvalidRequest("GetModelMetadataRequest must specify at least one metadata_field")
            for field in request.metadata_field:
                if field != "signature_def":
                    raise InvalidRequest(f"Metadata field {field} is not supported")
            manager, version = _find(self._managers, request.model_spec)
            with manager.acquire(version) as (loaded_version, model):
                response.metadata["signature_def"].Pack(_signature_map(model))
            _fill_spec(response.model_spec, manager.name, loaded_version, "")
        return response


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus."""

    def __init__(self, managers: dict[str, ModelManager]):
        self._managers = managers

    def GetModelStatus(  # noqa: N802, D102
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        response = get_model_status_pb2.GetModelStatusResponse()
        with _errors_as_status(context):
            spec = request.model_spec
            if spec.name and spec.name not in self._managers:
                raise ModelNotFound(f"Could not find any versions of model {spec.name}")
            manager, version = _find(self._managers, spec)
            for status in manager.status(version):
                entry = response.model_version_status.add(version=status.version, state=status.state)
                if status.error:
                    entry.status.error_code = tf.errors.UNKNOWN
                    entry.status.error_message = status.error
        return response


def _parse(key: str, proto: Any) -> Any:
    try:
        return tensors.to_array(proto)
    except tensors.TensorError as error:
        raise InvalidRequest(f"tensor parsing error: {key} ({error})") from None


def _signature_map(model: SavedModel) -> get_model_metadata_pb2.SignatureDefMap:
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name, definition in model.signatures.items():
        signatures.signature_def[name].CopyFrom(definition)
    return signatures


def _fill_spec(spec: model_pb2.ModelSpec, name: str, version: int, signature: str) -> None:
    spec.name = name
    spec.version.value = version
    spec.signature_name = signature
