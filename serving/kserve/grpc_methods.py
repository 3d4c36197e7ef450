"""The protocol's service over gRPC, on the port of PredictionService."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from serving.api import Api
from serving.errors import invalid_argument
from serving.kserve import datatypes, inference, protocol
from serving.kserve.protocol import message
from serving.part import GrpcService


def service(api: Api) -> GrpcService:
    """GRPCInferenceService.

    Args:
        api: answers the requests.
    """
    methods = _Methods(api)
    answers: dict[str, Callable[[Any, float | None], Any]] = {
        "ServerLive": lambda request, seconds: message("ServerLiveResponse")(live=True),
        "ServerReady": lambda request, seconds: message("ServerReadyResponse")(ready=api.core.is_ready()),
        "ModelReady": methods.model_ready,
        "ServerMetadata": methods.server_metadata,
        "ModelMetadata": methods.model_metadata,
        "ModelInfer": methods.infer,
    }
    return GrpcService(
        name=f"{protocol.PACKAGE}.{protocol.SERVICE}",
        methods={name: (message(f"{name}Request"), message(f"{name}Response"), answers[name]) for name in answers},
        pool=protocol.pool(),
    )


class _Methods:
    def __init__(self, api: Api):
        self._api = api

    def model_ready(self, request: Any, timeout_seconds: float | None) -> Any:
        ready = inference.is_model_ready(self._api, request.name, request.version)
        return message("ModelReadyResponse")(ready=ready)

    def server_metadata(self, request: Any, timeout_seconds: float | None) -> Any:
        return message("ServerMetadataResponse")(
            name=inference.SERVER_NAME, version=tf.__version__, extensions=inference.EXTENSIONS
        )

    def model_metadata(self, request: Any, timeout_seconds: float | None) -> Any:
        found = inference.model_metadata(self._api, request.name, request.version)
        response = message("ModelMetadataResponse")(
            name=found.name, versions=found.versions, platform=inference.PLATFORM
        )
        for listed, tensors in ((response.inputs, found.inputs), (response.outputs, found.outputs)):
            for tensor in tensors:
                listed.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
        return response

    def infer(self, request: Any, timeout_seconds: float | None) -> Any:
        raw = list(request.raw_input_contents)
        if raw and len(raw) != len(request.inputs):
            raise invalid_argument(f"{len(request.inputs)} inputs, but {len(raw)} raw_input_contents")
        signature = request.parameters[inference.SIGNATURE_PARAMETER].string_param if request.parameters else ""
        asked = inference.Inference(
            model=request.model_name,
            version=request.model_version,
            signature=signature,
            inputs={
                tensor.name: _from_raw(tensor, raw[index]) if raw else _from_contents(tensor)
                for index, tensor in enumerate(request.inputs)
            },
            outputs=[output.name for output in request.outputs],
        )
        answer = inference.infer(self._api, asked, timeout_seconds=timeout_seconds)
        response = message("ModelInferResponse")(
            model_name=request.model_name, model_version=answer.version, id=request.id
        )
        _put_outputs(response, answer.outputs, raw=bool(raw))
        return response


def _from_raw(tensor: Any, raw: bytes) -> np.ndarray:
    return datatypes.from_raw(raw, tensor.datatype, tensor.shape, where=_where(tensor.name))


def _from_contents(tensor: Any) -> np.ndarray:
    where = _where(tensor.name)
    dtype = datatypes.dtype_of(tensor.datatype, where=where)
    name = datatypes.field_of(tensor.datatype)
    if not name:
        raise invalid_argument(f"{where}: {tensor.datatype} has no typed contents; use raw_input_contents")
    flat = np.array(getattr(tensor.contents, name)[:], object if dtype.hasobject else None).astype(dtype)
    return datatypes.shaped(flat, tensor.shape, where=where)


def _put_outputs(response: Any, outputs: dict[str, np.ndarray], *, raw: bool) -> None:
    """In the form of the request; raw if an output has no typed form."""
    names = {name: datatypes.name_of_array(array, where=f"output {name}") for name, array in outputs.items()}
    raw = raw or not all(map(datatypes.field_of, names.values()))
    for name, array in outputs.items():
        output = response.outputs.add(name=name, datatype=names[name], shape=array.shape)
        if raw:
            response.raw_output_contents.append(datatypes.to_raw(array))
        else:
            getattr(output.contents, datatypes.field_of(names[name])).extend(array.ravel().tolist())


def _where(name: str) -> str:
    return f"input {name}"
