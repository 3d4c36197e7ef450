"""The requests that a server answers; gRPC and REST are thin layers over this."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_pb2,
    predict_pb2,
    prediction_log_pb2,
    regression_pb2,
)

from serving.errors import StatusError, from_tensorflow, invalid_argument
from serving.inference import calls as inference
from serving.inference.servable import Servable
from serving.metrics import Metrics
from serving.models.core import ServerCore

logger = logging.getLogger(__name__)

GRPC, REST = "GRPC", "REST"
_SIGNATURE_DEF = "signature_def"


class RequestLogger(Protocol):
    """Gets a sample of the answered requests."""

    def wants(self) -> bool:
        """Whether the request at hand is part of the sample; called once for each request."""
        ...

    def write(self, model: str, log: prediction_log_pb2.PredictionLog) -> None:
        """Take one record; returns at once."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


class Api:
    """Finds the model, runs it, counts, logs. Thread-safe.

    Every method raises `StatusError` with the status that TF Serving would answer with, INTERNAL and one line for an
    unexpected error, and no other exception.

    Predict, Classify and Regress take ``counted=False`` from those who count for themselves.

    Args:
        core: the models.
        metrics: count the requests.
        request_loggers: get samples of the answered requests.
        tensor_content: bool, send outputs as raw bytes instead of in typed fields.
    """

    def __init__(
        self,
        core: ServerCore,
        *,
        metrics: Metrics,
        request_loggers: Sequence[RequestLogger] = (),
        tensor_content: bool = False,
    ):
        self._core = core
        self._metrics = metrics
        self._request_loggers = tuple(request_loggers)
        self._tensor_content = tensor_content

    @property
    def core(self) -> ServerCore:
        """The models."""
        return self._core

    def predict(
        self,
        request: predict_pb2.PredictRequest,
        *,
        timeout_seconds: float | None = None,
        entrypoint: str = GRPC,
        counted: bool = True,
    ) -> predict_pb2.PredictResponse:
        """Any signature, tensors in, tensors out."""

        def infer(servable: Servable, on_run: inference.OnRun) -> predict_pb2.PredictResponse:
            return inference.predict(
                servable,
                request,
                timeout_seconds=timeout_seconds,
                tensor_content=self._tensor_content,
                on_run=on_run,
            )

        response = self._run("Predict", entrypoint if counted else None, request, infer)
        self._log("predict_log", request, response, response.model_spec)
        return response

    def classify(
        self,
        request: classification_pb2.ClassificationRequest,
        *,
        timeout_seconds: float | None = None,
        entrypoint: str = GRPC,
        counted: bool = True,
    ) -> classification_pb2.ClassificationResponse:
        """A signature with the classify method, tf.Examples in, classes and scores out."""

        def infer(servable: Servable, on_run: inference.OnRun) -> classification_pb2.ClassificationResponse:
            return inference.classify(servable, request, timeout_seconds=timeout_seconds, on_run=on_run)

        response = self._run("Classify", entrypoint if counted else None, request, infer)
        self._log("classify_log", request, response, response.model_spec)
        return response

    def regress(
        self,
        request: regression_pb2.RegressionRequest,
        *,
        timeout_seconds: float | None = None,
        entrypoint: str = GRPC,
        counted: bool = True,
    ) -> regression_pb2.RegressionResponse:
        """A signature with the regress method, tf.Examples in, one number for each out."""

        def infer(servable: Servable, on_run: inference.OnRun) -> regression_pb2.RegressionResponse:
            return inference.regress(servable, request, timeout_seconds=timeout_seconds, on_run=on_run)

        response = self._run("Regress", entrypoint if counted else None, request, infer)
        self._log("regress_log", request, response, response.model_spec)
        return response

    def multi_inference(
        self, request: inference_pb2.MultiInferenceRequest, *, timeout_seconds: float | None = None
    ) -> inference_pb2.MultiInferenceResponse:
        """Several classify and regress signatures of one model over the same tf.Examples, in one run.

        The first task's model_spec chooses the version. TF Serving does not count these requests.
        """
        spec = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
        try:
            with self._core.acquire(spec) as handle:
                response = inference.multi_inference(handle.servable, request, timeout_seconds=timeout_seconds)
                for result in response.results:
                    _fill_spec(result.model_spec, handle.name, handle.version)
        except Exception as error:  # noqa: BLE001 (see the class)
            raise _as_status(error, "MultiInference") from None
        self._log("multi_inference_log", request, response, response.results[0].model_spec)
        return response

    def get_model_metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The signatures of a model."""
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        try:
            _require_spec(request)
            _check_metadata_fields(request.metadata_field)
            with self._core.acquire(request.model_spec) as handle:
                signatures = get_model_metadata_pb2.SignatureDefMap()
                for name, signature in handle.servable.signatures.items():
                    signatures.signature_def[name].CopyFrom(signature)
                response.metadata[_SIGNATURE_DEF].Pack(signatures)
                _fill_spec(response.model_spec, handle.name, handle.version)
        except Exception as error:  # noqa: BLE001
            raise _as_status(error, "GetModelMetadata") from None
        return response

    def get_model_status(
        self, request: get_model_status_pb2.GetModelStatusRequest
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """The states of a model's versions."""
        response = get_model_status_pb2.GetModelStatusResponse()
        try:
            _require_spec(request)
            for status in self._core.status(request.model_spec):
                entry = response.model_version_status.add(version=status.version, state=status.state)
                entry.status.error_code = status.error_code
                entry.status.error_message = status.error
        except Exception as error:  # noqa: BLE001
            raise _as_status(error, "GetModelStatus") from None
        return response

    def reload_config(
        self, request: model_management_pb2.ReloadConfigRequest
    ) -> model_management_pb2.ReloadConfigResponse:
        """Serve other models; the response's own status is OK, since errors are raised."""
        response = model_management_pb2.ReloadConfigResponse()
        try:
            if request.config.WhichOneof("config") != "model_config_list":
                raise invalid_argument(
                    "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                    "Only ModelConfigList is currently supported"
                )
            self._core.reload(request.config)
        except Exception as error:  # noqa: BLE001
            raise _as_status(error, "HandleReloadConfigRequest") from None
        response.status.error_code = tf.errors.OK
        return response

    def _run(
        self, api: str, entrypoint: str | None, request: Any, infer: Callable[[Servable, inference.OnRun], Any]
    ) -> Any:
        """Run ``infer`` on the version that the request names; count the request, and time it if it succeeds.

        Without an entrypoint only the run is timed: REST counts its requests itself, also those that never get here.
        """
        start = time.perf_counter()
        name = request.model_spec.name
        runtime_latency = self._metrics.runtime_latency
        try:
            _require_spec(request)
            with self._core.acquire(request.model_spec) as handle:
                response = infer(handle.servable, lambda micros: runtime_latency.observe(micros, name, api, "TF1"))
                _fill_spec(response.model_spec, handle.name, handle.version)
        except Exception as error:  # noqa: BLE001
            status = _as_status(error, api)
            if entrypoint is None:
                raise status from None
            # TF Serving counts under any name that is sent, so invented names fill its memory.
            self._metrics.request_count.add(name if self._core.has(name) else "", status.code.name)
            raise status from None
        if entrypoint is None:
            return response
        self._metrics.request_count.add(name, "OK")
        self._metrics.request_latency.observe((time.perf_counter() - start) * 1e6, name, api, entrypoint)
        return response

    def _log(self, kind: str, request: Any, response: Any, spec: model_pb2.ModelSpec) -> None:
        """Log an answered request under the version that answered it."""
        wanting = [request_logger for request_logger in self._request_loggers if request_logger.wants()]
        if not wanting:
            return
        log = prediction_log_pb2.PredictionLog()
        log.log_metadata.model_spec.CopyFrom(spec)
        log.log_metadata.timestamp_secs = int(time.time())
        entry = getattr(log, kind)
        entry.request.CopyFrom(request)
        entry.response.CopyFrom(response)
        for request_logger in wanting:
            request_logger.write(spec.name, log)


def _require_spec(request: Any) -> None:
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")


def _check_metadata_fields(fields: Any) -> None:
    if not fields:
        raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
    for field in fields:
        if field != _SIGNATURE_DEF:
            raise invalid_argument(f"Metadata field {field} is not supported")


def _fill_spec(spec: model_pb2.ModelSpec, name: str, version: int) -> None:
    spec.name = name
    spec.version.value = version


def _as_status(error: Exception, api: str) -> StatusError:
    """What the caller gets; the traceback of an unexpected error goes only to the log."""
    if isinstance(error, StatusError):
        return error
    if isinstance(error, tf.errors.OpError):
        return from_tensorflow(error)
    logger.error("%s failed", api, exc_info=error)
    return StatusError(grpc.StatusCode.INTERNAL, f"{type(error).__name__}: {' '.join(str(error).split())}")
