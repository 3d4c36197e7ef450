"""KServe's v2 protocol on a real server: gRPC by the stock definition, REST by Python's own client."""

from __future__ import annotations

import json
import struct
from http.client import HTTPConnection

import grpc
import numpy as np
import pytest

from serving.kserve.protocol import METHODS, message
from tests.conformance import models
from tests.serving.support.running import RunningServer

pytestmark = pytest.mark.tensorflow

SECONDS = 20
HALF = "half_plus_two"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kserve")
    models.write(folder)
    flags = [*models.FLAGS, f"--model_config_file={folder}/models.config", "--enable_kserve_v2"]
    flags += ["--rest_api_port=-1"]  # part: rest
    with RunningServer(*flags) as running:
        yield running


@pytest.fixture(scope="module")
def call(server):
    """Calls a method of GRPCInferenceService."""
    with grpc.insecure_channel(server.target) as channel:
        stubs = {
            name: channel.unary_unary(
                f"/inference.GRPCInferenceService/{name}",
                request_serializer=lambda request: request.SerializeToString(),
                response_deserializer=message(f"{name}Response").FromString,
            )
            for name in METHODS
        }
        yield lambda method, /, **fields: stubs[method](message(f"{method}Request")(**fields), timeout=SECONDS)


def tensor(name, datatype, shape, **contents):
    return {"name": name, "datatype": datatype, "shape": shape, "contents": contents}


def http(server, method, path, body=None, headers=None):
    """Status, headers and body of a request."""
    if not server.rest:
        pytest.skip("needs the part rest")
    connection = HTTPConnection(server.rest, timeout=SECONDS)
    try:
        text = body if body is None or isinstance(body, bytes) else json.dumps(body)
        connection.request(method, path, text, headers or {})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def test_health_and_metadata(call):
    assert call("ServerLive").live
    assert call("ServerReady").ready
    assert call("ModelReady", name=HALF).ready
    assert call("ModelReady", name="versioned", version="canary").ready
    assert not call("ModelReady", name=HALF, version="9").ready
    assert not call("ModelReady", name="nobody").ready
    assert call("ServerMetadata").extensions == ["binary_tensor_data"]
    found = call("ModelMetadata", name="versioned")
    assert (found.name, list(found.versions), found.platform) == ("versioned", ["1", "2", "3"], "tensorflow_savedmodel")
    (x,), (y,) = found.inputs, found.outputs
    assert (x.name, x.datatype, list(x.shape)) == ("x", "FP32", [-1, 1])
    assert (y.name, y.datatype) == ("y", "FP32")


def test_infer_answers_in_the_form_of_the_request(call):
    typed = call("ModelInfer", model_name=HALF, id="7", inputs=[tensor("x", "FP32", [2, 1], fp32_contents=[2, 4])])
    assert (typed.model_name, typed.model_version, typed.id) == (HALF, "123", "7")
    (output,) = typed.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("y", "FP32", [2, 1])
    assert (list(output.contents.fp32_contents), list(typed.raw_output_contents)) == ([3.0, 4.0], [])
    given = {"name": "x", "datatype": "FP32", "shape": [2, 1]}
    raw = call("ModelInfer", model_name=HALF, inputs=[given], raw_input_contents=[struct.pack("<2f", 2, 4)])
    assert list(raw.raw_output_contents) == [struct.pack("<2f", 3, 4)]
    assert not raw.outputs[0].HasField("contents")


@pytest.mark.parametrize(("version", "answer"), [("", 5.0), ("1", 3.0), ("canary", 4.0)])
def test_versions_and_labels(call, version, answer):
    given = [tensor("x", "FP32", [1, 1], fp32_contents=[2])]
    found = call("ModelInfer", model_name="versioned", model_version=version, inputs=given)
    assert list(found.outputs[0].contents.fp32_contents) == [answer]


def test_signatures_strings_and_wanted_outputs(call):
    asked = {
        "model_name": "several",
        "parameters": {"signature_name": message("InferParameter")(string_param="repeat")},
        "inputs": [
            tensor("text", "BYTES", [2], bytes_contents=[b"a", b"\xff"]),
            tensor("times", "INT64", [2], int64_contents=[3, -4]),
        ],
    }
    both = call("ModelInfer", **asked)
    assert {output.name: output.datatype for output in both.outputs} == {"text": "BYTES", "twice": "INT64"}
    one = call("ModelInfer", **asked, outputs=[{"name": "text"}])
    assert [list(output.contents.bytes_contents) for output in one.outputs] == [[b"a:3", b"\xff:-4"]]


@pytest.mark.parametrize(
    ("code", "text", "fields"),
    [
        ("NOT_FOUND", "Servable not found for request: Latest(nobody)", {"model_name": "nobody"}),
        ("INVALID_ARGUMENT", "input size does not match signature: 0!=1", {}),
        ("INVALID_ARGUMENT", "input x: 1 values do not fill the shape [2]",
         {"inputs": [tensor("x", "FP32", [2], fp32_contents=[1])]}),
        ("INVALID_ARGUMENT", "input x: datatype 'FLOAT' is unknown; there are BOOL,",
         {"inputs": [tensor("x", "FLOAT", [1], fp32_contents=[1])]}),
        ("INVALID_ARGUMENT", "input x: FP16 has no typed contents", {"inputs": [tensor("x", "FP16", [1])]}),
        ("INVALID_ARGUMENT", "Expects arg[0] to be float but int32",
         {"inputs": [tensor("x", "INT32", [1], int_contents=[1])]}),
        ("INVALID_ARGUMENT", "0 inputs, but 1 raw_input_contents", {"raw_input_contents": [b""]}),
        ("INVALID_ARGUMENT", "input x: 3 bytes are no whole number",
         {"inputs": [tensor("x", "FP32", [1])], "raw_input_contents": [b"abc"]}),
        ("INVALID_ARGUMENT", "input x: the raw contents end within a string",
         {"inputs": [tensor("x", "BYTES", [1])], "raw_input_contents": [b"\x05\0\0\0ab"]}),
    ],
)  # fmt: skip
def test_refusals(call, code, text, fields):
    with pytest.raises(grpc.RpcError) as caught:
        call("ModelInfer", **{"model_name": HALF, **fields})
    assert caught.value.code().name == code
    assert text in caught.value.details()


def test_the_same_over_http(server):
    for path, wanted in (
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        (f"/v2/models/{HALF}/ready", {"name": HALF, "ready": True}),
    ):
        status, _, body = http(server, "GET", path)
        assert (status, json.loads(body)) == (200, wanted)
    assert http(server, "GET", "/v2/models/nobody/ready")[0] == 503
    assert json.loads(http(server, "GET", "/v2")[2])["extensions"] == ["binary_tensor_data"]
    found = json.loads(http(server, "GET", f"/v2/models/{HALF}/versions/123")[2])
    assert found["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 1]}]
    for data in ([2, 4.0], [[2], [4.0]]):
        sent = {"id": "7", "inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 1], "data": data}]}
        status, headers, body = http(server, "POST", f"/v2/models/{HALF}/infer", sent)
        assert (status, headers["content-type"]) == (200, "application/json")
        assert json.loads(body) == {
            "model_name": HALF,
            "model_version": "123",
            "id": "7",
            "outputs": [{"name": "y", "datatype": "FP32", "shape": [2, 1], "data": [3.0, 4.0]}],
        }


def test_binary_tensors_over_http(server):
    given = {"name": "x", "datatype": "FP32", "shape": [2, 1], "parameters": {"binary_data_size": 8}}
    head = json.dumps({"inputs": [given], "outputs": [{"name": "y", "parameters": {"binary_data": True}}]}).encode()
    body = head + np.float32([2, 4]).tobytes()
    status, headers, answer = http(
        server, "POST", f"/v2/models/{HALF}/infer", body, {"Inference-Header-Content-Length": str(len(head))}
    )
    end = int(headers["inference-header-content-length"])
    assert status == 200
    assert json.loads(answer[:end])["outputs"][0]["parameters"] == {"binary_data_size": 8}
    assert np.frombuffer(answer[end:], np.float32).tolist() == [3.0, 4.0]


@pytest.mark.parametrize(
    ("status", "text", "path", "body"),
    [
        (404, "Servable not found", "/v2/models/nobody/infer", {"inputs": []}),
        (400, "the request is not JSON", f"/v2/models/{HALF}/infer", b"{"),
        (400, "inputs must be a list", f"/v2/models/{HALF}/infer", {}),
        (400, "data must be a list of FP32 values", f"/v2/models/{HALF}/infer",
         {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": ["a"]}]}),
        (400, "data must be a list of INT32 values", f"/v2/models/{HALF}/infer",
         {"inputs": [{"name": "x", "datatype": "INT32", "shape": [1], "data": [1.5]}]}),
        (400, "binary_data_size 9 is not within the 0 bytes", f"/v2/models/{HALF}/infer",
         {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "parameters": {"binary_data_size": 9}}]}),
        (400, "Malformed request: POST", f"/v2/models/{HALF}/ready", {}),
        (404, "Malformed request: POST", "/v2/other", {}),
    ],
)  # fmt: skip
def test_refusals_over_http(server, status, text, path, body):
    found, _, said = http(server, "POST", path, body)
    assert found == status
    assert text in json.loads(said)["error"]


def test_without_the_flag_there_is_no_v2(tmp_path):
    models.export_tf1(tmp_path / "m" / "1", constant=2.0)
    flags = ["--model_name=m", f"--model_base_path={tmp_path}/m"]
    flags += ["--rest_api_port=-1"]  # part: rest
    with RunningServer(*flags) as running, grpc.insecure_channel(running.target) as channel:
        live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
        with pytest.raises(grpc.RpcError) as caught:
            live(b"", timeout=SECONDS)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        if running.rest:
            assert http(running, "GET", "/v2/health/live")[0] == 404
