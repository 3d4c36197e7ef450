"""REST's URLs: from method, path and body to the `Api` and back, without an HTTP library.

The URLs, texts and status codes are those of TF Serving's model_servers/http_rest_api_handler.cc,
http_rest_api_util.cc and http_server.cc.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import grpc
from google.protobuf import json_format
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from serving.api import REST, Api
from serving.client.messages import tensors
from serving.client.messages.examples import Features, features_of_signature
from serving.client.steps import COLUMNAR
from serving.errors import StatusError, invalid_argument
from serving.inference.calls import DEFAULT_SIGNATURE
from serving.inference.servable import SignatureDef
from serving.metrics import Metrics
from serving.part import HttpReply, HttpRequest, HttpRoutes, http_status
from serving.rest import output as rest_output
from serving.rest import requests as rest_json
from serving.rest.values import JsonError

logger = logging.getLogger(__name__)

_INFERENCE = re.compile(
    r"/v1/models/([^/:]+)(?:/versions/([0-9]+)|/labels/([^/:]+))?:(classify|regress|predict)", re.IGNORECASE
)
_MODEL = re.compile(r"/v1/models(?:/([^/:]+))?(?:/versions/([0-9]+)|/labels/([^/:]+))?(?:/(metadata))?", re.IGNORECASE)
_INT64_MAX = 2**63 - 1
# A request line may name the server, too (RFC 9112, 3.2.2).
_SERVER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
# What a browser sends before it lets a page of another origin call (http_server.cc, ProcessRequest).
_ORIGIN = re.compile("https?://")


def error_reply(status: int, text: str) -> HttpReply:
    """An error as TF Serving writes it: ``{"error": "..."}``."""
    return HttpReply(status=status, body=json.dumps({"error": text}, indent=4).encode())


class Routes:
    """Answers requests. Thread-safe.

    Args:
        api: runs the models.
        metrics: the metrics at ``prometheus_path``.
        prometheus_path: str, path of the metrics; None: they are not served.
        others: answer what is not the API's.
    """

    def __init__(self, api: Api, *, metrics: Metrics, prometheus_path: str | None, others: Sequence[HttpRoutes] = ()):
        self._api = api
        self._metrics = metrics
        self._prometheus_path = prometheus_path
        self._others = others

    def answer(self, request: HttpRequest) -> HttpReply:
        """Answer and count one request; raises nothing."""
        method, path = request.method, request.path
        if self._prometheus_path and path.partition("?")[0] == self._prometheus_path:
            text = self._metrics.exposition()
            return HttpReply(status=200, body=text.encode("utf-8", "surrogateescape"), content_type="text/plain")
        if not is_api(path):
            return self._other(request)
        start, code = time.perf_counter(), grpc.StatusCode.OK
        try:
            reply = _preflight(request.headers) if method == "OPTIONS" else self._answer(request)
        except StatusError as error:
            # Only gRPC cuts long texts.
            code, reply = error.code, error_reply(http_status(error.code), str(error))
        except JsonError as error:
            code, reply = error.code, error_reply(http_status(error.code), str(error))
        except rest_output.OutputError as error:
            code, reply = grpc.StatusCode.INVALID_ARGUMENT, error_reply(400, str(error))
        except Exception as error:  # noqa: BLE001 (every request gets an answer, and no traceback)
            code, reply = grpc.StatusCode.INTERNAL, _unexpected(request, error)
        if reply.status == 400 and code is grpc.StatusCode.OK:
            code = grpc.StatusCode.FAILED_PRECONDITION
        self._count(method, path, code, start)
        return reply

    def refuse(
        self, method: str, path: str, code: grpc.StatusCode, text: str, *, status: int | None = None
    ) -> HttpReply:
        """Count a request that is refused before it could be answered.

        Args:
            method: ``GET``, ``POST`` or another.
            path: str, as in `HttpRequest`.
            code: under which it is counted.
            text: what is wrong.
            status: int, HTTP's status; None: the one of ``code``.
        """
        if is_api(path):
            self._count(method, path, code, time.perf_counter())
        return error_reply(status or http_status(code), text)

    def _count(self, method: str, path: str, code: grpc.StatusCode, start: float) -> None:
        """Count as http_server.cc does: whatever was asked, with the path's own word as the API."""
        pattern = {"POST": _INFERENCE, "GET": _MODEL}.get(method)
        match = pattern.fullmatch(path) if pattern else None
        name = unquote(match[1] or "") if match else ""
        verb = match[4] if match and pattern is _INFERENCE else ""
        name = name if self._api.core.has(name) else ""
        self._metrics.request_count.add(name, code.name)
        if code is grpc.StatusCode.OK:
            self._metrics.request_latency.observe((time.perf_counter() - start) * 1e6, name, verb, REST)

    def _other(self, request: HttpRequest) -> HttpReply:
        """Ask those who answer other paths."""
        try:
            for routes in self._others:
                reply = routes.answer(request)
                if reply is not None:
                    return reply
        except Exception as error:  # noqa: BLE001 (as above)
            return _unexpected(request, error)
        return error_reply(404, f"Not Found: {request.path}")

    def _answer(self, request: HttpRequest) -> HttpReply:
        method, path = request.method, request.path
        if method == "POST" and (match := _INFERENCE.fullmatch(path)):
            return self._infer(_spec(*match.groups()[:3]), match[4], request)
        if method == "GET" and (match := _MODEL.fullmatch(path)):
            if not match[1]:
                raise invalid_argument("Missing model name in request.")
            spec = _spec(*match.groups()[:3])
            return self._metadata(spec) if match[4] == "metadata" else self._status(spec)
        raise _malformed(method, path)

    def _infer(self, spec: model_pb2.ModelSpec, verb: str, asked: HttpRequest) -> HttpReply:
        body, timeout_seconds = asked.body, asked.timeout_seconds
        if verb == "predict":
            json_body = self._predict(spec, rest_json.parse(body), timeout_seconds)
        elif verb == "classify":
            request = classification_pb2.ClassificationRequest(model_spec=spec)
            self._fill_examples(request, rest_json.parse(body))
            response = self._api.classify(request, timeout_seconds=timeout_seconds, entrypoint=REST, counted=False)
            json_body = rest_output.classifications(response.result)
        elif verb == "regress":
            request = regression_pb2.RegressionRequest(model_spec=spec)
            self._fill_examples(request, rest_json.parse(body))
            response = self._api.regress(request, timeout_seconds=timeout_seconds, entrypoint=REST, counted=False)
            json_body = rest_output.regressions(response.result)
        else:
            # The URL is matched in any case, but the verb is case-sensitive.
            raise _malformed(asked.method, asked.path)
        return HttpReply(status=200, body=json_body)

    def _predict(self, spec: model_pb2.ModelSpec, document: Mapping[str, Any], timeout_seconds: float) -> bytes:
        request = predict_pb2.PredictRequest(model_spec=spec)
        request.model_spec.signature_name = rest_json.signature_name(document)
        signature = self._signature(request.model_spec)
        dtypes = {alias: info.dtype for alias, info in signature.inputs.items()}
        for name, array in rest_json.predict_inputs(document, dtypes, _raw_columns(signature)).items():
            tensors.fill(request.inputs[name], array)
        response = self._api.predict(request, timeout_seconds=timeout_seconds, entrypoint=REST, counted=False)
        outputs = {name: tensors.to_array(proto) for name, proto in response.outputs.items()}
        return rest_output.predictions(outputs) if rest_json.is_row(document) else rest_output.columns(outputs)

    def _fill_examples(self, request: Any, document: Mapping[str, Any]) -> None:
        request.model_spec.signature_name = rest_json.signature_name(document)
        try:
            with self._api.core.acquire(request.model_spec) as handle:
                columnar = handle.servable.signatures.get(COLUMNAR)
        except StatusError:
            # The call itself refuses it, and is counted.
            columnar = None
        rest_json.fill_input(document, request.input, _raw_columns(columnar) if columnar else None)

    def _signature(self, spec: model_pb2.ModelSpec) -> SignatureDef:
        name = spec.signature_name or DEFAULT_SIGNATURE
        with self._api.core.acquire(spec) as handle:
            signature = handle.servable.signatures.get(name)
        if signature is None:
            raise invalid_argument(f'Serving signature name: "{name}" not found in signature def')
        if not signature.inputs:
            raise invalid_argument(f"Failed to get input map for signature: {spec.signature_name or 'DEFAULT'}")
        return signature

    def _status(self, spec: model_pb2.ModelSpec) -> HttpReply:
        response = self._api.get_model_status(get_model_status_pb2.GetModelStatusRequest(model_spec=spec))
        return _json(_dict(response))

    def _metadata(self, spec: model_pb2.ModelSpec) -> HttpReply:
        request = get_model_metadata_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=["signature_def"])
        response = self._api.get_model_metadata(request)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        # An Any would be written with its type, which TF Serving leaves out.
        return _json({"model_spec": _dict(response.model_spec), "metadata": {"signature_def": _dict(signatures)}})


def without_server(path: str) -> str:
    """The path of a request line in any form."""
    return _SERVER.sub("", path, count=1) if "://" in path else path


def is_api(path: str) -> bool:
    """Whether a path is one of the API's, which are all counted."""
    return path[:4].lower() == "/v1/"


def _preflight(headers: Mapping[str, str]) -> HttpReply:
    return HttpReply(status=200 if _ORIGIN.search(headers.get("origin", "")) else 400, body=b"")


def _unexpected(request: HttpRequest, error: Exception) -> HttpReply:
    """What the client gets; the traceback goes only to the log."""
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return error_reply(500, f"{type(error).__name__}: {' '.join(str(error).split())}")


def _malformed(method: str, path: str) -> StatusError:
    return invalid_argument(f"Malformed request: {method} {path}")


def _spec(name: str, version: str | None, label: str | None) -> model_pb2.ModelSpec:
    spec = model_pb2.ModelSpec(name=unquote(name))
    if version:
        if len(version) > 19 or int(version) > _INT64_MAX:
            raise invalid_argument(f"Failed to convert version: {version} to numeric.")
        spec.version.value = int(version)
    if label:
        spec.version_label = unquote(label)
    return spec


def _raw_columns(signature: SignatureDef) -> Features | None:
    """The raw columns that a signature takes; None if it takes tensors."""
    if not all(info.tensor_shape.dim and info.tensor_shape.dim[0].name for info in signature.inputs.values()):
        return None
    return features_of_signature(signature)


def _dict(message: Any) -> dict[str, Any]:
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _json(value: Mapping[str, Any]) -> HttpReply:
    return HttpReply(status=200, body=json.dumps(value, indent=1).encode() + b"\n")
