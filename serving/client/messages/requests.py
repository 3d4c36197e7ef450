"""Requests from plain values, and plain values from responses; no network, shared by both clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np

from serving.client.errors import error_of
from serving.client.messages import tensors
from serving.client.messages.protos import message, parse_text

_PREDICTION = "/tensorflow.serving.PredictionService"
_MODEL = "/tensorflow.serving.ModelService"
_APIS = "tensorflow.serving"
RELOAD_CONFIG = f"{_MODEL}/HandleReloadConfigRequest"
# Response message by method.
RESPONSES = {
    f"{_PREDICTION}/Predict": f"{_APIS}.PredictResponse",
    f"{_PREDICTION}/Classify": f"{_APIS}.ClassificationResponse",
    f"{_PREDICTION}/Regress": f"{_APIS}.RegressionResponse",
    f"{_PREDICTION}/MultiInference": f"{_APIS}.MultiInferenceResponse",
    f"{_PREDICTION}/GetModelMetadata": f"{_APIS}.GetModelMetadataResponse",
    f"{_MODEL}/GetModelStatus": f"{_APIS}.GetModelStatusResponse",
    RELOAD_CONFIG: f"{_APIS}.ReloadConfigResponse",
    "/grpc.health.v1.Health/Check": "grpc.health.v1.HealthCheckResponse",
}
CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
# gRPC's codes by number (google/rpc/code.proto), as ReloadConfigResponse has them.
_CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class Rpc:
    """One request to the server.

    Attributes:
        method: a key of `RESPONSES`.
        request: the message.
    """

    method: str
    request: Any


@dataclass(frozen=True, kw_only=True)
class ModelRef:
    """A model's latest version, or the one with a number or a label.

    Attributes:
        name: str, the model's name.
        version: int, the version's number.
        label: str, the version's label in the server's config.
    """

    name: str
    version: int | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        if self.version is not None and self.label is not None:
            raise ValueError(f"model {self.name}: give a version or a label, not both")

    def fill(self, spec: Any, signature: str = "") -> None:
        """Write into a ModelSpec."""
        spec.name = self.name
        spec.signature_name = signature
        if self.version is not None:
            spec.version.value = self.version
        if self.label is not None:
            spec.version_label = self.label


def predict(model: ModelRef, signature: str, inputs: Mapping[str, np.ndarray]) -> Rpc:
    """Any signature, an array per input."""
    request = message(f"{_APIS}.PredictRequest")()
    model.fill(request.model_spec, signature)
    for name, array in inputs.items():
        tensors.fill(request.inputs[name], array, tensor_content=True)
    return Rpc(f"{_PREDICTION}/Predict", request)


def predicted(response: Any) -> dict[str, np.ndarray]:
    """Output name to array."""
    return {name: tensors.to_array(proto) for name, proto in response.outputs.items()}


def classify(model: ModelRef, signature: str, examples: Sequence[bytes]) -> Rpc:
    """A classify signature, serialized tf.Examples."""
    request = message(f"{_APIS}.ClassificationRequest")()
    model.fill(request.model_spec, signature)
    _fill_input(request.input, examples)
    return Rpc(f"{_PREDICTION}/Classify", request)


def classified(result: Any) -> list[list[tuple[str, float]]]:
    """For each example its classes and scores, in the model's order, from a ClassificationResult."""
    return [[(each.label, each.score) for each in row.classes] for row in result.classifications]


def regress(model: ModelRef, signature: str, examples: Sequence[bytes]) -> Rpc:
    """A regress signature, serialized tf.Examples."""
    request = message(f"{_APIS}.RegressionRequest")()
    model.fill(request.model_spec, signature)
    _fill_input(request.input, examples)
    return Rpc(f"{_PREDICTION}/Regress", request)


def regressed(result: Any) -> np.ndarray:
    """A number per example, float32, from a RegressionResult."""
    return np.array([row.value for row in result.regressions], np.float32)


def multi_inference(model: ModelRef, methods: Mapping[str, str], examples: Sequence[bytes]) -> Rpc:
    """Several signatures over the same tf.Examples.

    Args:
        model: which model.
        methods: `CLASSIFY` or `REGRESS` by signature.
        examples: serialized tf.Examples.
    """
    request = message(f"{_APIS}.MultiInferenceRequest")()
    for signature, method in methods.items():
        task = request.tasks.add(method_name=method)
        model.fill(task.model_spec, signature)
    _fill_input(request.input, examples)
    return Rpc(f"{_PREDICTION}/MultiInference", request)


def multi_inferred(response: Any) -> dict[str, Any]:
    """The results of `classified` or `regressed`, by signature."""
    answers = {}
    for result in response.results:
        classes = result.WhichOneof("result") == "classification_result"
        answers[result.model_spec.signature_name] = (
            classified(result.classification_result) if classes else regressed(result.regression_result)
        )
    return answers


def metadata(model: ModelRef) -> Rpc:
    """The model's signatures."""
    request = message(f"{_APIS}.GetModelMetadataRequest")(metadata_field=["signature_def"])
    model.fill(request.model_spec)
    return Rpc(f"{_PREDICTION}/GetModelMetadata", request)


def signatures(response: Any) -> dict[str, Any]:
    """SignatureDef messages by name."""
    found = message(f"{_APIS}.SignatureDefMap").FromString(response.metadata["signature_def"].value)
    return dict(found.signature_def)


def status(model: ModelRef) -> Rpc:
    """The states of a model's versions."""
    request = message(f"{_APIS}.GetModelStatusRequest")()
    model.fill(request.model_spec)
    return Rpc(f"{_MODEL}/GetModelStatus", request)


def states(response: Any) -> dict[int, str]:
    """The state of every version, such as ``AVAILABLE``."""
    names = message(f"{_APIS}.ModelVersionStatus").DESCRIPTOR.fields_by_name["state"].enum_type.values_by_number
    return {each.version: names[each.state].name for each in response.model_version_status}


def load_errors(response: Any) -> dict[int, str]:
    """The server's text for every version that it could not load."""
    return {each.version: each.status.error_message for each in response.model_version_status if each.status.error_code}


def reload_config(config: Any) -> Rpc:
    """Serve other models.

    Args:
        config: a ModelServerConfig of any pool, or its text format.

    Raises:
        ValueError: the text does not parse.
    """
    request = message(f"{_APIS}.ReloadConfigRequest")()
    if isinstance(config, str):
        config = parse_text(config, f"{_APIS}.ModelServerConfig")
    request.config.ParseFromString(config.SerializeToString())
    return Rpc(RELOAD_CONFIG, request)


def reloaded(response: Any) -> None:
    """Check the response's own status.

    Raises:
        ServingError: the reload failed; some servers say so in the response besides the RPC's status.
    """
    if response.status.error_code:
        raise error_of(_CODES[response.status.error_code], response.status.error_message)


def health(service: str) -> Rpc:
    """The state of a service, from gRPC's health checking."""
    request = message("grpc.health.v1.HealthCheckRequest")(service=service)
    return Rpc("/grpc.health.v1.Health/Check", request)


def healthy(response: Any) -> str:
    """``SERVING``, ``NOT_SERVING`` and so on."""
    field = response.DESCRIPTOR.fields_by_name["status"]
    return field.enum_type.values_by_number[response.status].name


def _fill_input(message_: Any, examples: Sequence[bytes]) -> None:
    # Set even if empty: the server then answers that the input is empty, not that it is missing.
    message_.example_list.SetInParent()
    parse = message("tensorflow.Example").FromString
    message_.example_list.examples.extend(map(parse, examples))
