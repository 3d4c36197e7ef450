"""REST: paths, status and metadata (http_rest_api_handler_test.cc)."""

from __future__ import annotations

import pytest

from tests.conformance.calls import error, ok
from tests.conformance.models import HALF_PLUS_TWO, VERSIONED

pytestmark = [pytest.mark.tensorflow, pytest.mark.source("model_servers/http_rest_api_handler_test.cc")]


def status(version):
    return {"version": version, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}


@pytest.mark.source("model_servers/http_rest_api_handler_test.cc", "model_servers/tensorflow_model_server_test.py")
@pytest.mark.parametrize("part", ["", "/versions/123"])
def test_status(rest, part):
    assert ok(rest.get(f"/v1/models/{HALF_PLUS_TWO}{part}")) == {"model_version_status": [status("123")]}


@pytest.mark.parametrize(("part", "versions"), [("", "321"), ("/versions/2", "2")])
def test_status_of_versions(rest, part, versions):
    assert ok(rest.get(f"/v1/models/{VERSIONED}{part}")) == {"model_version_status": [status(v) for v in versions]}


@pytest.mark.deviation("status_label")
@pytest.mark.parametrize(("label", "version"), [("stable", "1"), ("canary", "2")])
def test_status_of_a_label(rest, label, version):
    found = ok(rest.get(f"/v1/models/{VERSIONED}/labels/{label}"))["model_version_status"]
    assert found in ([status(v) for v in "321"], [status(version)])


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("nobody", "Could not find any versions of model nobody"),
        ("nobody/versions/1", "Could not find version 1 of model nobody"),
        (f"{HALF_PLUS_TWO}/versions/1", "Could not find version 1 of model half_plus_two"),
        ("nobody/metadata", "Servable not found for request: Latest(nobody)"),
        (f"{HALF_PLUS_TWO}/versions/1/metadata", "Servable not found for request: Specific(half_plus_two, 1)"),
    ],
)
def test_what_is_not_there(rest, path, text):
    assert error(rest.get(f"/v1/models/{path}"), 404) == text


def test_an_unknown_label(rest):
    answer = rest.post(f"/v1/models/{VERSIONED}/labels/x:predict", {"instances": [1.0]})
    assert error(answer) == "Unrecognized servable version label: x"


@pytest.mark.source("model_servers/http_rest_api_handler_test.cc", "model_servers/tensorflow_model_server_test.py")
@pytest.mark.parametrize(
    ("part", "version"), [("", "3"), ("/versions/1", "1"), ("/labels/canary", "2")], ids=["latest", "number", "label"]
)
def test_metadata(rest, part, version):
    answer = ok(rest.get(f"/v1/models/{VERSIONED}{part}/metadata"))
    assert set(answer) == {"model_spec", "metadata"}
    assert answer["model_spec"] == {"name": VERSIONED, "signature_name": "", "version": version}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["method_name"] == "tensorflow/serving/predict"
    assert signatures["serving_default"]["inputs"]["x"] == {
        "dtype": "DT_FLOAT",
        "tensor_shape": {
            "dim": [{"size": "-1", "name": ""}, {"size": "1", "name": ""}],
            "unknown_rank": False,
        },
        "name": "x:0",
    }


@pytest.mark.parametrize("method", ["predict", "classify", "regress"])
@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("nobody", "Latest(nobody)"),
        ("nobody/versions/50", "Specific(nobody, 50)"),
        ("half_plus_two99", "Latest(half_plus_two99)"),
    ],
)
def test_models_that_are_not_there(rest, method, path, wanted):
    sent = {"instances": [1.0], "examples": [{"x": 1.0}]}
    assert error(rest.post(f"/v1/models/{path}:{method}", sent), 404) == f"Servable not found for request: {wanted}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/foo"),
        ("POST", "/v1/foo"),
        ("POST", "/v1/models"),
        ("GET", "/v1/models/foo:predict"),
        ("GET", "/v1/models/foo/version/50:predict"),
        ("POST", "/v1/models/foo/version/50:regress"),
        ("POST", "/v1/models/foo/versions/HELLO:regress"),
        ("POST", "/v1/models/foo/metadata"),
        ("POST", "/v1/models/foo/label/some_label:regress"),
        ("POST", "/v1/models/foo/versions/50/labels/some_label:regress"),
        ("POST", "/v1/models/foo:guess"),
    ],
)
def test_malformed_paths(rest, method, path):
    assert error(rest.call(method, path, "{}" if method == "POST" else None)) == f"Malformed request: {method} {path}"


def test_no_model_in_the_path(rest):
    assert error(rest.get("/v1/models")) == "Missing model name in request."


@pytest.mark.parametrize(
    "path", [f"/v1/models/foo/versions/{2**64 - 1}:regress", f"/v1/models/foo/versions/{2**63}:predict"]
)
def test_a_version_that_is_too_large(rest, path):
    """The code alone: TF Serving sends no text here."""
    assert rest.post(path, {}).status == 400


@pytest.mark.source("util/net_http/server/internal/evhttp_server.cc", "util/net_http/server/internal/evhttp_request.cc")
@pytest.mark.parametrize("path", ["/", "/v2/models", "/statuspage", "/v1"])
def test_unknown_paths(rest, path):
    assert rest.get(path).status == 404


def test_the_paths_own_words_may_be_in_any_case(rest):
    assert ok(rest.post(f"/V1/Models/{HALF_PLUS_TWO}:predict", {"instances": [2.0]})) == {"predictions": [3.0]}


def test_escapes_in_a_models_name(rest):
    assert ok(rest.get("/v1/models/half%5Fplus_two")) == {"model_version_status": [status("123")]}


@pytest.mark.source("model_servers/http_server.cc")
@pytest.mark.parametrize(
    ("origin", "wanted"), [("http://page", 200), ("https://page", 200), ("page", 400), (None, 400)]
)
def test_preflight_requests_need_an_origin(rest, origin, wanted):
    """http_server.cc, ProcessRequest: with or without --rest_api_enable_cors_support, and without a text."""
    headers = {"Origin": origin} if origin else {}
    answer = rest.call("OPTIONS", f"/v1/models/{HALF_PLUS_TWO}:predict", headers=headers)
    assert (answer.status, answer.body) == (wanted, "")


@pytest.mark.source("model_servers/http_server.cc")
def test_preflight_requests_elsewhere(rest):
    assert rest.call("OPTIONS", "/v2", headers={"Origin": "http://page"}).status == 404


@pytest.mark.source("util/net_http/server/internal/evhttp_server.cc", "util/net_http/server/internal/evhttp_request.cc")
@pytest.mark.parametrize("server", ["http://example.com", "HTTPS://user@example.com:8501"])
def test_a_request_line_may_name_the_server(rest, server):
    """util/net_http/server/internal/evhttp_request.cc, ParsedEvRequest::decode: only path and query count."""
    assert ok(rest.get(f"{server}/v1/models/{HALF_PLUS_TWO}")) == {"model_version_status": [status("123")]}
    assert rest.get(server).status == 404
