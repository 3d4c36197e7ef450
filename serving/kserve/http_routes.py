"""The protocol's paths over HTTP, on the port of REST, with Triton's extension for binary tensors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from serving.api import REST, Api
from serving.errors import StatusError, invalid_argument
from serving.kserve import datatypes, inference
from serving.kserve.inference import InferAnswer, Inference
from serving.part import HttpReply, HttpRequest, http_status

_MODEL = re.compile(r"/v2/models/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?(?:/(?P<verb>ready|infer))?")
# The length of the JSON before binary tensors.
_HEADER = "inference-header-content-length"
_SIZE, _BINARY, _ALL_BINARY = "binary_data_size", "binary_data", "binary_data_output"


class KServeRoutes:
    """Answers the paths below ``/v2``.

    Args:
        api: answers the requests.
    """

    def __init__(self, api: Api):
        self._api = api

    def answer(self, request: HttpRequest) -> HttpReply | None:
        """See `HttpRoutes.answer`."""
        path = request.path.rstrip("/")
        if path != "/v2" and not path.startswith("/v2/"):
            return None
        try:
            return self._answer(request, path)
        except StatusError as error:
            return _json({"error": error.text}, status=http_status(error.code))

    def _answer(self, request: HttpRequest, path: str) -> HttpReply:
        match = _MODEL.fullmatch(path)
        if request.method == "POST" and match and match["verb"] == "infer":
            return self._infer(request, match["name"], match["version"] or "")
        if request.method == "GET" and match and match["verb"] != "infer":
            return self._model(match["name"], match["version"] or "", ready=match["verb"] == "ready")
        if request.method == "GET" and path == "/v2":
            about = {"name": inference.SERVER_NAME, "version": tf.__version__, "extensions": inference.EXTENSIONS}
            return _json(about)
        if request.method == "GET" and path == "/v2/health/live":
            return _json({"live": True})
        if request.method == "GET" and path == "/v2/health/ready":
            ready = self._api.core.is_ready()
            return _json({"ready": ready}, status=200 if ready else 503)
        return _json({"error": f"Malformed request: {request.method} {request.path}"}, status=400 if match else 404)

    def _model(self, name: str, version: str, *, ready: bool) -> HttpReply:
        if ready:
            is_ready = inference.is_model_ready(self._api, name, version)
            return _json({"name": name, "ready": is_ready}, status=200 if is_ready else 503)
        found = inference.model_metadata(self._api, name, version)
        return _json(
            {
                "name": found.name,
                "versions": found.versions,
                "platform": inference.PLATFORM,
                "inputs": [vars(tensor) for tensor in found.inputs],
                "outputs": [vars(tensor) for tensor in found.outputs],
            }
        )

    def _infer(self, request: HttpRequest, name: str, version: str) -> HttpReply:
        document, binary = _split(request)
        parameters = _object(document.get("parameters", {}), "parameters")
        wanted = [_named(output, "outputs") for output in _list(document.get("outputs", []), "outputs")]
        asked = Inference(
            model=name,
            version=version,
            signature=str(parameters.get(inference.SIGNATURE_PARAMETER, "")),
            inputs=_inputs(document, binary),
            outputs=[output["name"] for output in wanted],
        )
        answer = inference.infer(self._api, asked, timeout_seconds=request.timeout_seconds, entrypoint=REST)
        in_binary = {output["name"] for output in wanted if output.get("parameters", {}).get(_BINARY, False)}
        if not wanted and parameters.get(_ALL_BINARY, False):
            in_binary = set(answer.outputs)
        return _reply(name, answer, document.get("id"), in_binary)


def _split(request: HttpRequest) -> tuple[dict[str, Any], bytes]:
    """The JSON of a request, and the binary tensors after it."""
    length = request.headers.get(_HEADER, "")
    if length and not (length.isascii() and length.isdigit() and int(length) <= len(request.body)):
        raise invalid_argument(f"{_HEADER}: {length!r} is no length within the body of {len(request.body)} bytes")
    end = int(length) if length else len(request.body)
    try:
        document = json.loads(request.body[:end])
    except (ValueError, RecursionError) as error:
        raise invalid_argument(f"the request is not JSON ({error})") from None
    return _object(document, "the request"), request.body[end:]


def _inputs(document: Mapping[str, Any], binary: bytes) -> dict[str, np.ndarray]:
    arrays, at = {}, 0
    for tensor in _list(document.get("inputs"), "inputs"):
        tensor = _named(tensor, "inputs")
        name, where = tensor["name"], f"input {tensor['name']}"
        datatype, shape = str(tensor.get("datatype")), _shape(tensor.get("shape"), where)
        size = tensor.get("parameters", {}).get(_SIZE)
        if size is None:
            arrays[name] = _from_json(tensor.get("data"), datatype, shape, where)
            continue
        if type(size) is not int or not 0 <= size <= len(binary) - at:
            raise invalid_argument(
                f"{where}: {_SIZE} {size!r} is not within the {len(binary) - at} bytes that are left"
            )
        arrays[name] = datatypes.from_raw(binary[at : at + size], datatype, shape, where=where)
        at += size
    return arrays


def _from_json(data: Any, datatype: str, shape: list[int], where: str) -> np.ndarray:
    dtype = datatypes.dtype_of(datatype, where=where)
    try:
        flat = np.array(_list(data, f"{where}: data"), object if dtype.hasobject else None)
        if dtype.hasobject:
            values = [value.encode("utf-8", "surrogatepass") for value in flat.ravel().tolist()]
            flat = np.array(values, object)
        elif flat.size and (flat.dtype.kind not in "biuf" or (dtype.kind in "iub" and flat.dtype.kind == "f")):
            raise TypeError
        with np.errstate(over="ignore"):
            return datatypes.shaped(flat.astype(dtype), shape, where=where)
    except (TypeError, ValueError, AttributeError, OverflowError):
        raise invalid_argument(f"{where}: data must be a list of {datatype} values") from None


def _reply(name: str, answer: InferAnswer, given_id: Any, in_binary: set[str]) -> HttpReply:
    outputs, parts = [], []
    for output, array in answer.outputs.items():
        datatype = datatypes.name_of_array(array, where=f"output {output}")
        entry = {"name": output, "datatype": datatype, "shape": list(array.shape)}
        if output in in_binary:
            parts.append(datatypes.to_raw(array))
            entry["parameters"] = {_SIZE: len(parts[-1])}
        else:
            entry["data"] = _to_json(array, output)
        outputs.append(entry)
    about = {} if given_id is None else {"id": given_id}
    document = {"model_name": name, "model_version": answer.version, **about, "outputs": outputs}
    if not parts:
        return _json(document)
    head = json.dumps(document).encode()
    return HttpReply(
        status=200,
        body=b"".join([head, *parts]),
        content_type="application/octet-stream",
        headers={_HEADER: str(len(head))},
    )


def _to_json(array: np.ndarray, name: str) -> list[Any]:
    if not array.dtype.hasobject:
        return (array.astype(np.float32) if array.dtype.kind in "fV" and array.itemsize < 4 else array).ravel().tolist()
    try:
        return [value.decode() for value in array.ravel().tolist()]
    except UnicodeDecodeError:
        raise invalid_argument(f"output {name}: bytes that are not UTF-8 have no JSON; ask for binary data") from None


def _json(value: Mapping[str, Any], *, status: int = 200) -> HttpReply:
    return HttpReply(status=status, body=json.dumps(value).encode())


def _shape(value: Any, where: str) -> list[int]:
    sizes = _list(value, f"{where}: shape")
    if not all(type(size) is int for size in sizes):
        raise invalid_argument(f"{where}: shape must be a list of whole numbers")
    return sizes


def _named(value: Any, where: str) -> dict[str, Any]:
    found = _object(value, where)
    if not isinstance(found.get("name"), str) or not isinstance(found.get("parameters", {}), dict):
        raise invalid_argument(f"{where}: each must have a name, and parameters that are an object")
    return found


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid_argument(f"{where} must be an object")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise invalid_argument(f"{where} must be a list")
    return value
