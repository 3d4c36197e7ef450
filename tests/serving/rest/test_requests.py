"""From JSON to tensors and examples, and which JSON is refused."""

from __future__ import annotations

import random

import numpy as np
import pytest

from serving.client.messages.protos import message
from serving.rest import requests as rest_json
from serving.rest.values import JsonError

FLOAT, DOUBLE, INT32, STRING, INT64, BOOL, HALF = 1, 2, 3, 7, 9, 10, 19
Input = message("tensorflow.serving.Input")


def inputs(body: str | bytes, **dtypes: int) -> dict[str, np.ndarray]:
    document = rest_json.parse(body.encode() if isinstance(body, str) else body)
    return rest_json.predict_inputs(document, dtypes)


def error(body: str | bytes, **dtypes: int) -> str:
    with pytest.raises(JsonError) as caught:
        inputs(body, **dtypes)
    return str(caught.value)


def example_input(body: str) -> Input:
    filled = Input()
    rest_json.fill_input(rest_json.parse(body.encode()), filled)
    return filled


def test_rows_of_one_input_are_plain_values_or_lists():
    array = inputs('{"instances": [[1, 2], [3, 4], [5, 6]]}', x=INT32)["x"]
    assert array.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert array.dtype == np.int32
    assert inputs('{"instances": [1, 2.0, 5.003, 0]}', x=FLOAT)["x"].tolist() == np.float32([1, 2, 5.003, 0]).tolist()
    assert inputs('{"instances": [[], []]}', x=FLOAT)["x"].shape == (2, 0)


def test_rows_of_named_inputs_are_objects():
    arrays = inputs(
        """{"instances": [{"i": [[1, 2], [3, 4]], "s": ["foo", "bar"], "f": NaN, "b": true},
                          {"b": false, "f": -Infinity, "s": ["", "ä"], "i": [[5, 6], [7, 8]]}]}""",
        i=INT64,
        s=STRING,
        f=FLOAT,
        b=BOOL,
    )
    assert arrays["i"].tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    assert arrays["s"].tolist() == [[b"foo", b"bar"], [b"", "ä".encode()]]
    assert np.isnan(arrays["f"][0])
    assert arrays["f"][1] == -np.inf
    assert arrays["b"].tolist() == [True, False]
    assert inputs('{"instances": [{"x": [1]}, {"x": [2]}]}', x=INT64)["x"].tolist() == [[1], [2]]


def test_columns_keep_the_shape_that_was_sent():
    arrays = inputs('{"inputs": {"i": [[[1, 2], [3, 4]]], "s": {"b64": "aGVsbG8="}}}', i=INT32, s=STRING)
    assert arrays["i"].shape == (1, 2, 2)
    assert arrays["s"].shape == ()
    assert arrays["s"].item() == b"hello"
    assert inputs('{"inputs": 7}', x=DOUBLE)["x"].shape == ()
    assert inputs('{"inputs": {"x": [3]}}', x=INT64)["x"].tolist() == [3]


def test_bytes_are_base64_objects_at_any_depth():
    assert inputs('{"instances": [{"b64": "aGVsbG8="}, {"b64": "d29ybGQ"}]}', x=STRING)["x"].tolist() == [
        b"hello",
        b"world",
    ]
    assert inputs('{"instances": [{"x": [{"b64": "/w=="}]}]}', x=STRING)["x"].tolist() == [[b"\xff"]]


@pytest.mark.parametrize(
    ("digits", "said"), [(" aGV\\nsbG8= ", b"hello"), ("YQ..", b"a"), ("YQ=.", b"a"), ("YQ = =", b"a"), ("", b"")]
)
def test_base64_is_read_as_abseil_does(digits, said):
    assert inputs(f'{{"inputs": {{"x": {{"b64": "{digits}"}}}}}}', x=STRING)["x"].item() == said


def test_numbers_that_a_float_cannot_hold_become_the_nearest():
    body = '{"inputs": [16777217, 1435774380, 1e39, -1e300, 1e-300, 9007199254740993, Inf, -NaN]}'
    array = inputs(body, x=FLOAT)["x"]
    assert array[:-1].tolist() == [16777216.0, 1435774336.0, np.inf, -np.inf, 0.0, 9007199254740992.0, np.inf]
    assert np.isnan(array[-1])
    assert inputs(body, x=DOUBLE)["x"][5] == 2.0**53


def test_what_follows_the_first_value_is_ignored():
    assert inputs('{"inputs": [1]} and more}', x=INT32)["x"].tolist() == [1]


def test_strings_are_passed_on_byte_by_byte():
    assert inputs(b'{"inputs": ["\xff\xfe"]}', x=STRING)["x"].tolist() == [b"\xff\xfe"]
    assert "surrogate pair in string is invalid. at offset: 13" in error('{"inputs": ["\\ud800"]}', x=STRING)


def test_integers_of_64_bits_are_exact():
    assert inputs(f'{{"inputs": [{2**63 - 1}, {-(2**63)}]}}', x=INT64)["x"].tolist() == [2**63 - 1, -(2**63)]
    assert inputs(f'{{"inputs": [{2**64 - 1}]}}', x=23)["x"].tolist() == [2**64 - 1]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "JSON Parse error: The document is empty"),
        (" ", "JSON Parse error: The document is empty. at offset: 1"),
        ("[1]", "JSON Value: [1] Is not object"),
        ('{"instances": tru}', "JSON Parse error: Invalid value. at offset: 17"),
        ('{"ä": 1', "JSON Parse error: Missing a comma or '}' after an object member. at offset: 8"),
        ("{1: 2}", "JSON Parse error: Missing a name for object member. at offset: 1"),
        ('{"a" 1}', "JSON Parse error: Missing a colon after a name of object member. at offset: 5"),
        ('{"a": "b', "JSON Parse error: Missing a closing quotation mark in string. at offset: 8"),
        ('{"a": "\\q"}', "JSON Parse error: Invalid escape character in string. at offset: 7"),
        ("[" * 100_000, "JSON Parse error: Invalid value. at offset: 100000"),
        ("{}", "Missing 'inputs' or 'instances' key"),
        ('{"instances": 3}', "Expecting 'instances' to be an list/array"),
        ('{"instances": []}', "No values in 'instances' array"),
        ('{"instances": [1], "inputs": [1]}', "expecting only one of 'inputs' or 'instances' keys to exist"),
        ('{"instances": [[1,2],[3,4],[5,6,7]]}', "INVALID_ARGUMENT: Expecting tensor size: 2 but got: 3"),
        ('{"instances": [[1,2],[[3,4]]]}', "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
         "Expecting shape [2] but got: [1,2]"),
        ('{"instances": [[1, [2]]]}', "Encountered list at unexpected level: 1 expected < 1"),
        ('{"instances": [[[1], 2]]}', "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at"),
        ('{"inputs": [[1], [2, 3]]}', "Encountered list at unexpected size: 2 at level: 1 expected size: 1"),
        ('{"instances": [1, {"x": 2}]}', "Expecting value/list but got object at item 1 of input list"),
        ('{"instances": [{"x": 2}, 1]}', "Expecting object but got list at item 1 of input list"),
        ('{"instances": [{"y": 2}]}', "element: 0 key: y of 'instances' list. Error: INVALID_ARGUMENT: JSON object: "
         "does not have named input: y"),
        ('{"inputs": {"y": 2}}', "Missing named input: x in 'inputs' object."),
        ('{"inputs": ' + "[" * 40 + "1" + "]" * 40 + "}", "40 nested lists: a tensor may have 32 dimensions"),
    ],
)  # fmt: skip
def test_malformed_requests_get_tf_servings_error(body, text):
    assert text in error(body, x=INT32)


@pytest.mark.parametrize(
    ("value", "dtype", "text"),
    [
        ("1.5", INT32, "JSON Value: 1.5 Type: Number is not of expected type: int32"),
        ("2147483648", INT32, "JSON Value: 2147483648 Type: Number is not of expected type: int32"),
        ("NaN", INT64, "JSON Value:  Type: Number is not of expected type: int64"),
        ('"a"', FLOAT, 'JSON Value: "a" Type: String is not of expected type: float'),
        ("true", DOUBLE, "JSON Value: true Type: True is not of expected type: double"),
        ("null", FLOAT, "JSON Value: null Type: Null is not of expected type: float"),
        ("1", BOOL, "JSON Value: 1 Type: Number is not of expected type: bool"),
        ("1", STRING, "JSON Value: 1 Type: Number is not of expected type: string"),
        ('{"b64": 1}', STRING, 'JSON Value: {\n    "b64": 1\n} not formatted correctly for base64 data'),
        ('{"b64": "?"}', STRING, "Unable to base64 decode"),
        ('{"b64": "aGVsbG8="}', INT32, "Type: Object is not of expected type: int32"),
        ('{"b64": "YQ="}', STRING, "Unable to base64 decode"),
        ('{"b64": "YWI=="}', STRING, "Unable to base64 decode"),
        ('{"b64": "YWJj="}', STRING, "Unable to base64 decode"),
        ('{"b64": "Y"}', STRING, "Unable to base64 decode"),
        ('{"b64": "_-__"}', STRING, "Unable to base64 decode"),
        ('{"b64": "YQ==YQ=="}', STRING, "Unable to base64 decode"),
        ("1", HALF, "Conversion of JSON Value: 1 to type: half"),
    ],
)  # fmt: skip
def test_values_of_another_type_are_refused(value, dtype, text):
    assert text in error(f'{{"inputs": {{"x": [{value}]}}}}', x=dtype)


def test_several_inputs_need_names():
    assert error('{"instances": [1]}', x=INT32, y=INT32).startswith("instances is a plain list, but expecting list of")
    assert error('{"inputs": [1]}', x=INT32, y=INT32).startswith("inputs is a plain value/list, but expecting an")
    text = error('{"instances": [{"x": 1}]}', x=INT32, y=INT32)
    assert text.endswith("keys must be equal to: x,y")


def test_the_signature_name_must_be_a_string():
    assert rest_json.signature_name({}) == ""
    assert rest_json.signature_name({"signature_name": "s"}) == "s"
    with pytest.raises(JsonError, match="'signature_name' key must be a string value"):
        rest_json.signature_name({"signature_name": 5})


def test_examples_take_the_kind_of_their_values():
    filled = example_input("""{"examples": [{"i": [1, -2], "b": true, "f": 2.5, "s": ["a", {"b64": "/w=="}], "e": []},
                                            {"i": 9007199254740993}]}""")
    first, second = (example.features.feature for example in filled.example_list.examples)
    assert first["i"].int64_list.value == [1, -2]
    assert first["b"].int64_list.value == [1]
    assert first["f"].float_list.value == [2.5]
    assert first["s"].bytes_list.value == [b"a", b"\xff"]
    assert first["e"].WhichOneof("kind") is None
    assert second["i"].int64_list.value == [2**53 + 1]


def test_a_context_goes_beside_the_examples():
    filled = example_input('{"context": {"c": 1.0}, "examples": [{"x": 2.0}, {}]}')
    assert filled.WhichOneof("kind") == "example_list_with_context"
    assert filled.example_list_with_context.context.features.feature["c"].float_list.value == [1.0]
    assert len(filled.example_list_with_context.examples) == 2


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("{}", "key 'examples' is expected and was not found"),
        ('{"examples": {}}', "Expecting 'examples' value to be an list/array"),
        ('{"examples": []}', "'examples' value is an empty array"),
        ('{"examples": [1]}', "Example must be JSON object but got JSON Number"),
        ('{"examples": [{"x": null}]}', "Feature: x has element with unexpected JSON type: Null"),
        ('{"examples": [{"x": [[1]]}]}', "Feature: x has element with unexpected JSON type: Array"),
        ('{"examples": [{"x": [1, 2.0]}]}', "Unexpected element type in feature: x expecting type: int64"),
        ('{"examples": [{"x": ["a", 1]}]}', "Unexpected element type in feature: x expecting type: bytes"),
        ('{"examples": [{"x": 9223372036854775808}]}', "Feature: x has uint64_t element. Only int64_t is supported."),
        ('{"examples": [{"x": [1.0, "a", null]}]}', "Unexpected element type in feature: x expecting type: float"),
    ],
)
def test_invalid_examples_are_refused(body, text):
    with pytest.raises(JsonError) as caught:
        example_input(body)
    assert text in str(caught.value)


def test_garbage_is_refused_and_nothing_else_happens():
    """Whatever is sent, it is understood or a JsonError."""
    choice = random.Random(5).choice
    atoms = [
        "1",
        "-0.5",
        "1e400",
        "NaN",
        '"a"',
        '"\\ud800"',
        "null",
        "true",
        "9" * 30,
        "9" * 5000,
        '{"b64": "YQ"}',
        "{}",
    ]

    def value(depth: int) -> str:
        kind = choice("aaalo") if depth else "a"
        if kind == "a":
            return choice(atoms)
        parts = [value(depth - 1) for _ in range(choice([0, 1, 2, 3]))]
        if kind == "l":
            return f"[{', '.join(parts)}]"
        names = ("x", "y", "b64", "\\ud800")
        members = [f'"{choice(names)}": {part}' for part in parts]
        return f"{{{', '.join(members)}}}"

    understood = 0
    for _ in range(3000):
        keys = ("instances", "inputs", "examples", "context", "signature_name")
        body = ", ".join(f'"{choice(keys)}": {value(3)}' for _ in range(choice([1, 2])))
        document_text = choice(["{%s}", "{%s}", "{%s}", "{%s", "%s"]) % body
        for attempt in (
            lambda text: inputs(text, x=choice([FLOAT, DOUBLE, INT32, STRING, INT64, BOOL, HALF])),
            lambda text: inputs(text, x=FLOAT, y=STRING),
            example_input,
            lambda text: rest_json.signature_name(rest_json.parse(text.encode())),
        ):
            try:
                attempt(document_text)
                understood += 1
            except JsonError:
                continue
    assert understood > 100
