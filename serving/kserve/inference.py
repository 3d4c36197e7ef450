"""What the protocol asks for, answered by `Api`: readiness, metadata, inference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tensorflow_serving.apis import model_pb2, predict_pb2

from serving.api import GRPC, Api
from serving.client.messages import tensors
from serving.errors import StatusError, invalid_argument
from serving.inference.calls import DEFAULT_SIGNATURE
from serving.kserve.datatypes import name_of
from serving.models.manager import VersionState

SERVER_NAME = "serving.server"
PLATFORM = "tensorflow_savedmodel"
# Triton's extension to HTTP, by its own name.
EXTENSIONS = ("binary_tensor_data",)
SIGNATURE_PARAMETER = "signature_name"
_LARGEST_INT64 = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Inference:
    """A request to infer, in either transport.

    Attributes:
        model: the model's name.
        version: a number or a label; empty: the latest.
        signature: the signature's name; empty: ``serving_default``.
        inputs: arrays by name.
        outputs: names of the wanted outputs; empty: all.
    """

    model: str
    version: str = ""
    signature: str = ""
    inputs: Mapping[str, np.ndarray]
    outputs: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class InferAnswer:
    """The outputs, and which version answered."""

    version: str
    outputs: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TensorMetadata:
    """Name, data type and shape of an input or output; -1 in the shape is any size."""

    name: str
    datatype: str
    shape: list[int]


@dataclass(frozen=True, kw_only=True)
class ModelMetadata:
    """What the protocol tells about a model."""

    name: str
    versions: list[str]
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


def infer(api: Api, asked: Inference, *, timeout_seconds: float | None, entrypoint: str = GRPC) -> InferAnswer:
    """Run a signature.

    Raises:
        StatusError: as `Api.predict`.
    """
    request = predict_pb2.PredictRequest(output_filter=asked.outputs)
    request.model_spec.CopyFrom(spec_of(asked.model, asked.version))
    request.model_spec.signature_name = asked.signature
    for name, array in asked.inputs.items():
        tensors.fill(request.inputs[name], array, tensor_content=True)
    response = api.predict(request, timeout_seconds=timeout_seconds, entrypoint=entrypoint)
    outputs = {name: tensors.to_array(response.outputs[name]) for name in asked.outputs or sorted(response.outputs)}
    return InferAnswer(version=str(response.model_spec.version.value), outputs=outputs)


def is_model_ready(api: Api, name: str, version: str) -> bool:
    """Whether the model, or that version of it, is served."""
    try:
        return any(status.state == VersionState.AVAILABLE for status in api.core.status(spec_of(name, version)))
    except StatusError:
        return False


def model_metadata(api: Api, name: str, version: str) -> ModelMetadata:
    """A model's served versions, and the tensors of its default signature; of its first one, if it has none.

    Raises:
        StatusError: no such version is served.
    """
    with api.core.acquire(spec_of(name, version)) as handle:
        signatures = handle.servable.signatures
        chosen = signatures.get(DEFAULT_SIGNATURE) or signatures[min(signatures)]
    statuses = api.core.status(spec_of(name, version))
    return ModelMetadata(
        name=name,
        versions=[str(status.version) for status in reversed(statuses) if status.state == VersionState.AVAILABLE],
        inputs=_tensors(chosen.inputs),
        outputs=_tensors(chosen.outputs),
    )


def spec_of(name: str, version: str) -> model_pb2.ModelSpec:
    """TF Serving's name of a version: a number, or else a label.

    Raises:
        StatusError: the number is too large.
    """
    spec = model_pb2.ModelSpec(name=name)
    if version.isascii() and version.isdigit():
        if int(version) > _LARGEST_INT64:
            raise invalid_argument(f"version {version} is too large")
        spec.version.value = int(version)
    elif version:
        spec.version_label = version
    return spec


def _tensors(infos: Mapping[str, Any]) -> list[TensorMetadata]:
    return [
        TensorMetadata(name=name, datatype=name_of(info.dtype), shape=_shape(info))
        for name, info in sorted(infos.items())
    ]


def _shape(info: Any) -> list[int]:
    return [-1] if info.tensor_shape.unknown_rank else [dimension.size for dimension in info.tensor_shape.dim]
