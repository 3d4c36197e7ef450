"""A gRPC client for TF Serving and the embedded server: rows in, arrays out, no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
import numpy as np

from serving.client import tensors
from serving.client.columns import Row, column
from serving.client.protos import message

_PREDICTION = "/tensorflow.serving.PredictionService"
_MODEL = "/tensorflow.serving.ModelService"
COLUMNAR = "columnar"
# gRPC's default of 4 MB is far below what the server sends and takes.
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class ServingError(Exception):
    """The server refused or could not be reached.

    Attributes:
        code: the gRPC status code.
        details: the server's own text.
    """

    def __init__(self, code: grpc.StatusCode, details: str):
        super().__init__(f"{code.name}: {details}")
        self.code = code
        self.details = details


class Client:
    """Calls one model server. Use as a context manager.

    Args:
        target: ``host:port``.
        timeout: seconds allowed for one call.
    """

    def __init__(self, target: str, *, timeout: float = 10.0):
        self._channel = grpc.insecure_channel(target, options=_UNLIMITED)
        self._timeout = timeout
        self._signatures: dict[tuple[str, int | None], Any] = {}

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def predict(
        self, model: str, rows: Sequence[Row], *, version: int | None = None, signature: str = COLUMNAR
    ) -> dict[str, np.ndarray]:
        """Ask the model about plain dicts.

        Args:
            model: the model's name.
            rows: one dict per example, by raw feature name; None, an empty text or an absent key mean missing.
            version: None means the latest.
            signature: one that takes a column per feature; names, types and shapes are read from the model.

        Returns:
            Output name to array, first dimension ``len(rows)``.

        Raises:
            ServingError: with the server's code and text.
            ValueError: a value is not of its column's type.
        """
        inputs = self.signatures(model, version=version)
        if signature not in inputs:
            raise ValueError(f"model {model} has no signature {signature!r}; it has {', '.join(sorted(inputs))}")
        arrays = {
            name: column(rows, name, tensors.numpy_dtype(info.dtype), shape=[d.size for d in info.tensor_shape.dim[1:]])
            for name, info in inputs[signature].inputs.items()
        }
        return self.predict_arrays(model, arrays, version=version, signature=signature)

    def predict_arrays(
        self, model: str, inputs: dict[str, np.ndarray], *, version: int | None = None, signature: str
    ) -> dict[str, np.ndarray]:
        """Ask any signature with arrays as they are; see `predict` for the rest."""
        request = message("tensorflow.serving.PredictRequest")()
        self._name(request.model_spec, model, version)
        request.model_spec.signature_name = signature
        for name, array in inputs.items():
            tensors.fill(request.inputs[name], array)
        response = self._call(f"{_PREDICTION}/Predict", request, "tensorflow.serving.PredictResponse")
        return {name: tensors.to_array(proto) for name, proto in response.outputs.items()}

    def signatures(self, model: str, *, version: int | None = None) -> dict[str, Any]:
        """The model's signatures (SignatureDef messages) by name; asked once per model and version."""
        key = (model, version)
        if key not in self._signatures:
            request = message("tensorflow.serving.GetModelMetadataRequest")(metadata_field=["signature_def"])
            self._name(request.model_spec, model, version)
            response = self._call(
                f"{_PREDICTION}/GetModelMetadata", request, "tensorflow.serving.GetModelMetadataResponse"
            )
            signatures = message("tensorflow.serving.SignatureDefMap")()
            signatures.ParseFromString(response.metadata["signature_def"].value)
            self._signatures[key] = dict(signatures.signature_def)
        return self._signatures[key]

    def status(self, model: str) -> dict[int, str]:
        """The state of every version: ``AVAILABLE``, ``LOADING``, ``END`` and so on."""
        request = message("tensorflow.serving.GetModelStatusRequest")()
        self._name(request.model_spec, model, None)
        response = self._call(f"{_MODEL}/GetModelStatus", request, "tensorflow.serving.GetModelStatusResponse")
        field = response.model_version_status
        names = message("tensorflow.serving.ModelVersionStatus").DESCRIPTOR.fields_by_name["state"].enum_type
        return {status.version: names.values_by_number[status.state].name for status in field}

    @staticmethod
    def _name(spec: Any, model: str, version: int | None) -> None:
        spec.name = model
        if version is not None:
            spec.version.value = version

    def _call(self, method: str, request: Any, response_name: str) -> Any:
        call = self._channel.unary_unary(
            method,
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=message(response_name).FromString,
        )
        try:
            return call(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise ServingError(error.code(), error.details()) from None
