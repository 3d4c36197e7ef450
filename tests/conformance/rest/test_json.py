"""REST: predict, classify, regress and what is refused (http_rest_api_handler_test.cc, util/json_tensor_test.cc)."""

from __future__ import annotations

import math

import pytest

from tests.conformance.calls import error, ok
from tests.conformance.models import (
    CANARY,
    HALF_PLUS_THREE,
    HALF_PLUS_TWO,
    HALF_PLUS_TWO_TF2,
    SEVERAL,
    STABLE,
    VERSIONED,
    VERSIONS,
)

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.source("util/json_tensor_test.cc", "model_servers/http_rest_api_handler_test.cc"),
]

BOTH = pytest.mark.parametrize("model", [HALF_PLUS_TWO, HALF_PLUS_TWO_TF2])


@pytest.mark.source("model_servers/tensorflow_model_server_test.py", "model_servers/http_rest_api_handler_test.cc")
@BOTH
@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"instances": [2.0, 3.0, 4.0]}, {"predictions": [3.0, 3.5, 4.0]}),
        ({"instances": [[1.0, 2.0], [3.0, 4.0]]}, {"predictions": [[2.5, 3.0], [3.5, 4.0]]}),
        ({"instances": [{"x": 2.0}, {"x": 4.0}]}, {"predictions": [3.0, 4.0]}),
        ({"instances": [2, 3]}, {"predictions": [3.0, 3.5]}),
        ({"inputs": [2.0, 4.0]}, {"outputs": [3.0, 4.0]}),
        ({"inputs": [[2.0], [4.0]]}, {"outputs": [[3.0], [4.0]]}),
        ({"inputs": {"x": [2.0]}}, {"outputs": [3.0]}),
        ({"signature_name": "serving_default", "instances": [80.0]}, {"predictions": [42.0]}),
    ],
    ids=["rows", "matrix", "named rows", "whole numbers", "column", "columns", "named column", "signature"],
)
def test_predict(rest, model, sent, expected):
    assert ok(rest.post(f"/v1/models/{model}:predict", sent)) == expected


def test_every_model_has_its_path(rest):
    answers = [
        ok(rest.post(f"/v1/models/{model}:predict", {"instances": [2.0]}))["predictions"]
        for model in (HALF_PLUS_TWO, HALF_PLUS_THREE)
    ]
    assert answers == [[3.0], [4.0]]


@pytest.mark.parametrize(
    ("part", "version"),
    [
        ("", 3),
        *((f"/versions/{version}", version) for version in VERSIONS),
        ("/labels/stable", STABLE),
        ("/labels/canary", CANARY),
    ],
)
@pytest.mark.parametrize(
    ("method", "sent", "result"),
    [
        ("predict", {"instances": [2.0]}, lambda y: {"predictions": [y]}),
        ("regress", {"signature_name": "regress_x_to_y", "examples": [{"x": 2.0}]}, lambda y: {"results": [y]}),
        (
            "classify",
            {"signature_name": "classify_x_to_y", "examples": [{"x": 2.0}]},
            lambda y: {"results": [[["", y]]]},
        ),
    ],
    ids=["predict", "regress", "classify"],
)
def test_versions_and_labels(rest, part, version, method, sent, result):
    answer = ok(rest.post(f"/v1/models/{VERSIONED}{part}:{method}", sent))
    assert answer == result(1.0 + VERSIONS[version])


@pytest.mark.source("model_servers/tensorflow_model_server_test.py", "model_servers/http_rest_api_handler_test.cc")
@BOTH
def test_regress_and_classify(rest, model):
    examples = [{"x": 80.0}, {"x": [20.0]}]
    regress = {"signature_name": "regress_x_to_y", "examples": examples}
    classify = {"signature_name": "classify_x_to_y", "examples": examples}
    assert ok(rest.post(f"/v1/models/{model}:regress", regress)) == {"results": [42.0, 12.0]}
    assert ok(rest.post(f"/v1/models/{model}:classify", classify)) == {"results": [[["", 42.0]], [["", 12.0]]]}


def test_a_context_belongs_to_every_example(rest):
    sent = {"signature_name": "classes", "context": {"shift": 10.0}, "examples": [{"x": 1.0}, {"x": 2.0}]}
    assert ok(rest.post(f"/v1/models/{SEVERAL}:classify", sent)) == {
        "results": [[["no", -11.0], ["yes", 11.0]], [["no", -12.0], ["yes", 12.0]]]
    }


def test_several_inputs_and_outputs(rest):
    rows = {
        "signature_name": "repeat",
        "instances": [{"text": "a", "times": 3}, {"text": {"b64": "Yg=="}, "times": -4}],
    }
    assert ok(rest.post(f"/v1/models/{SEVERAL}:predict", rows)) == {
        "predictions": [{"text": "a:3", "twice": 6}, {"text": "b:-4", "twice": -8}]
    }
    columns = {"signature_name": "repeat", "inputs": {"text": ["a", "b"], "times": [3, 2**62 - 1]}}
    assert ok(rest.post(f"/v1/models/{SEVERAL}:predict", columns)) == {
        "outputs": {"text": ["a:3", f"b:{2**62 - 1}"], "twice": [6, 2**63 - 2]}
    }


@pytest.mark.source("absl: strings/escaping.cc", "util/json_tensor.cc")
@pytest.mark.parametrize(("sent", "read"), [("YQ..", "YQ=="), (" Y W\tI = ", "YWI="), ("YWJj", "YWJj")])
def test_base_64_is_read_as_abseil_does(rest, sent, read):
    """absl/strings/escaping.cc, Base64UnescapeInternal: white space is skipped, dots pad."""
    sent = {"signature_name": "as_bytes", "instances": [{"b64": sent}]}
    assert ok(rest.post(f"/v1/models/{SEVERAL}:predict", sent)) == {"predictions": [{"b64": read}]}


@pytest.mark.source("absl: strings/escaping.cc", "util/json_tensor.cc")
@pytest.mark.parametrize("sent", ["YQ=", "YQ===", "YWJj=", "Y", "_-__", "YQ==YQ=="])
def test_base_64_that_is_refused(rest, sent):
    sent = {"signature_name": "as_bytes", "instances": [{"b64": sent}]}
    assert "Unable to base64 decode" in error(rest.post(f"/v1/models/{SEVERAL}:predict", sent))


def test_bytes_travel_in_base_64(rest):
    sent = {"signature_name": "as_bytes", "instances": [{"b64": "/wA="}, "text"]}
    assert ok(rest.post(f"/v1/models/{SEVERAL}:predict", sent)) == {
        "predictions": [{"b64": "/wA="}, {"b64": "dGV4dA=="}]
    }


def test_every_type(rest):
    row = {
        "float64": 1e300,
        "int32": -(2**31),
        "bool": True,
        "uint8": 255,
        "int16": -32768,
        "uint32": 2**32 - 1,
        "uint64": 2**64 - 1,
    }
    sent = {"signature_name": "types", "instances": [row]}
    assert ok(rest.post(f"/v1/models/{SEVERAL}:predict", sent)) == {"predictions": [row]}


def test_a_scalar_is_a_column_but_no_row(rest):
    path = f"/v1/models/{SEVERAL}:predict"
    assert ok(rest.post(path, {"signature_name": "total", "inputs": [1.0, 2.0]})) == {"outputs": 3.0}
    said = error(rest.post(path, {"signature_name": "total", "instances": [1.0, 2.0]}))
    assert said == "Tensor name: total has no shape information "


def test_numbers_that_are_none(rest):
    """JSON proper has no NaN and no infinity; TF Serving reads and writes them."""
    answer = ok(rest.post(f"/v1/models/{HALF_PLUS_TWO}:predict", '{"instances": [NaN, Infinity, -Infinity]}'))
    first, *others = answer["predictions"]
    assert math.isnan(first)
    assert others == [math.inf, -math.inf]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [("Inf", math.inf), ("-Inf", -math.inf), ("1e39", math.inf), ("-1e300", -math.inf), ("1e-300", 2.0)],
)
def test_numbers_that_a_float_cannot_hold(rest, sent, expected):
    """json_tensor_test.cc, FloatTensorThatExceedsMaxReturnsInf, FloatTensorThatExceedsMinReturnsZero."""
    answer = ok(rest.post(f"/v1/models/{HALF_PLUS_TWO}:predict", f'{{"instances": [{sent}]}} and more'))
    assert answer["predictions"] == [expected]


@pytest.mark.parametrize(("sent", "expected"), [(16777216, 8388610.0), (1435774380, 717887168.0)])
def test_integers_lose_precision_without_a_word(rest, sent, expected):
    """json_tensor_test.cc, FloatTensorWithPrecisionLoss."""
    answer = ok(rest.post(f"/v1/models/{HALF_PLUS_TWO}:predict", {"instances": [sent]}))
    assert answer["predictions"] == [expected]


def test_no_rows_are_an_empty_list(rest):
    """json_tensor_test.cc, FromJsonSingleZeroBatchTensor."""
    sent = {"signature_name": "no_rows", "instances": [1.0, 2.0]}
    assert ok(rest.post(f"/v1/models/{SEVERAL}:predict", sent)) == {"predictions": []}


@pytest.mark.source("util/json_tensor.cc", "rapidjson: prettywriter.h")
def test_values_in_errors_are_cut(rest):
    """json_tensor.cc, kMaxJsonDebugStringBytes: nothing more is written after 256 bytes."""
    said = error(rest.post(f"/v1/models/{HALF_PLUS_TWO}:predict", {"instances": [1.0], "inputs": [1] * 1000}))
    assert said.startswith('JSON Value: {\n    "instances": [1.0],\n    "inputs": [1, 1, ')
    assert len(said.partition(" Not formatted")[0]) < len("JSON Value: ") + 256 + 3


def test_a_float_is_written_in_few_digits(rest):
    """0.1 in 32 bits is 0.10000000149; only the digits that distinguish it are written."""
    answer = rest.post(f"/v1/models/{SEVERAL}:predict", {"signature_name": "row_sum", "instances": [[0.1], [1e-05]]})
    assert ok(answer) == {"predictions": [0.1, 1e-05]}


@BOTH
@pytest.mark.parametrize(
    ("sent", "parts"),
    [
        ("", ["JSON Parse error: The document is empty"]),
        ("instances = [1, 2]", ["JSON Parse error: Invalid value. at offset: 0"]),
        ('{"instances": [1.0', ["JSON Parse error: "]),
        ([1.0], ["JSON Value: ", "Is not object"]),
        ({"signature_name": 100}, ["'signature_name' key must be a string value."]),
        ({"signature_name": "nothing", "instances": [1.0]}, ['"nothing" not found in signature def']),
        ({}, ["Missing 'inputs' or 'instances' key"]),
        ({"instances": [1.0], "inputs": [1.0]}, ["expecting only one of 'inputs' or 'instances' keys to exist"]),
        ({"instances": 1.0}, ["Expecting 'instances' to be an list/array"]),
        ({"instances": []}, ["No values in 'instances' array"]),
        (
            {"instances": ["x"]},
            ["Failed to process element: 0 of 'instances' list. Error: ", "of expected type: float"],
        ),
        ({"instances": [1.0, None]}, ["Failed to process element: 1 ", "JSON Value: null Type: Null"]),
        ({"instances": [[1.0], [1.0, 2.0]]}, ["Expecting tensor size: 1 but got: 2"]),
        ({"instances": [[[1.0, 2.0]], [[1.0], [2.0]]]}, ["Expecting shape [1,2] but got: [2,1]"]),
        ({"instances": [[1.0, [2.0]]]}, ["Encountered list at unexpected level: 1 expected < 1"]),
        ({"instances": [[[1.0], 2.0]]}, ["found at incorrect level: 2 in the JSON DOM. Expected at level: 2"]),
        ({"instances": [{"x": 1.0}, 2.0]}, ["Expecting object but got list at item 1 of input list"]),
        ({"instances": [2.0, {"x": 1.0}]}, ["Expecting value/list but got object at item 1 of input list"]),
        ({"instances": [{"z": 1.0}]}, ["JSON object: does not have named input: z"]),
        ({"instances": [{}]}, ["Failed to process element: 0 of 'instances' list. JSON object: {} keys must be equal"]),
        ({"instances": [{"x": "y" * 300}]}, ["y" * 300]),
        ({"instances": [{"x": 1.0}, {"x": {"y": [10**9] * 100}}]}, ["1000000000, 1000000000 Type: Object"]),
        ({"inputs": "x"}, ['JSON Value: "x" Type: String is not of expected type: float']),
        ({"inputs": {"z": [1.0]}}, ["Missing named input: x in 'inputs' object."]),
        ({"inputs": [[1.0], [1.0, 2.0]]}, ["Encountered list at unexpected size: 2 at level: 1 expected size: 1"]),
    ],
    ids=lambda value: "" if isinstance(value, list) else str(value)[:40],
)
def test_predictions_that_are_refused(rest, model, sent, parts):
    said = error(rest.post(f"/v1/models/{model}:predict", sent))
    assert all(part in said for part in parts), said


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (
            {"instances": ["a"]},
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map",
        ),
        (
            {"inputs": ["a"]},
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
            "tensorinfo_map",
        ),
        (
            {"inputs": {"text": ["a"], "times": [1.5]}},
            "JSON Value: 1.5 Type: Number is not of expected type: int64",
        ),
        ({"inputs": {"text": [{"b64": 1}], "times": [1]}}, None),
    ],
    ids=["rows", "columns", "type", "base 64"],
)
def test_several_inputs_that_are_refused(rest, sent, text):
    said = error(rest.post(f"/v1/models/{SEVERAL}:predict", {"signature_name": "repeat", **sent}))
    assert text is None or said == text


@pytest.mark.parametrize("method", ["classify", "regress"])
@pytest.mark.parametrize(
    ("sent", "part"),
    [
        ({}, "When method is classify, key 'examples' is expected and was not found"),
        ({"examples": {}}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [1.0]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
        ({"examples": [{"x": [[1.0]]}]}, "Feature: x has element with unexpected JSON type: Array"),
        ({"examples": [{"x": {}}]}, "Feature: x has element with unexpected JSON type: Object"),
        ({"examples": [{"x": [1.0, "a"]}]}, "Unexpected element type in feature: x expecting type: float"),
        ({"examples": [{"x": 2**64 - 1}]}, "Feature: x has uint64_t element. Only int64_t is supported."),
        ({"examples": [{"z": 1.0}]}, "Feature: x (data type: float) is required but could not be found."),
        ({"signature_name": "nothing", "examples": [{"x": 1.0}]}, "No signature was found with the name: nothing"),
        ("", "JSON Parse error: The document is empty"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_examples_that_are_refused(rest, method, sent, part):
    if isinstance(sent, dict):
        sent = {"signature_name": f"{method}_x_to_y", **sent}
    assert part in error(rest.post(f"/v1/models/{HALF_PLUS_TWO}:{method}", sent))
