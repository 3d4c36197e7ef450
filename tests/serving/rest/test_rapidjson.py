"""JSON by RapidJSON's rules: reader.h at v1.1.0, the version that TF Serving builds with."""

import json
import math

import pytest

from serving.rest.rapidjson import ParseError, parse
from serving.rest.shown import shown


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a": [1, -2.5e3, true, null]} and more', {"a": [1, -2500.0, True, None]}),
        (b"\xef\xbb\xbf [1]", [1]),
        (b"[Inf, -Inf, Infinity, -Infinity]", [math.inf, -math.inf, math.inf, -math.inf]),
        (b'{"a": -NaN, "b": {"c": [[]]}, "d": {}} {', {"b": {"c": [[]]}, "d": {}}),
        (b"[1e308, 1e+0308, 9.9e308, -Inf]", [1e308, 1e308, math.inf, -math.inf]),
        (b'["\\ud83d\\ude00\\/\\u00e4", -Inf]', ["\U0001f600/ä", -math.inf]),
        (b'["\\udc00"]', [b"\xed\xb0\x80".decode("utf-8", "surrogateescape")]),
        (b'{"a": 1, "a": -Inf}', {"a": -math.inf}),
        (b"[1]\x00", [1]),
    ],
)
def test_what_is_read(text, value):
    read = parse(text)
    if isinstance(read, dict) and isinstance(read.get("a"), float) and math.isnan(read["a"]):
        read.pop("a")
    assert read == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b" \t\n", "The document is empty. at offset: 3"),
        (b"]", "The document is empty. at offset: 0"),
        (b"x", "Invalid value. at offset: 0"),
        (b"[tru]", "Invalid value. at offset: 4"),
        (b"[1,]", "Invalid value. at offset: 3"),
        (b"[Infinite]", "Invalid value. at offset: 8"),
        (b"[-x]", "Invalid value. at offset: 2"),
        (b'{"a":}', "Invalid value. at offset: 5"),
        (b"[01]", "Missing a comma or ']' after an array element. at offset: 2"),
        (b"[1", "Missing a comma or ']' after an array element. at offset: 2"),
        (b'{"a":1 "b"}', "Missing a comma or '}' after an object member. at offset: 7"),
        (b'{"a":1,}', "Missing a name for object member. at offset: 7"),
        (b'{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        (b"[1.]", "Miss fraction part in number. at offset: 3"),
        (b"[1e+]", "Miss exponent in number. at offset: 4"),
        (b"[1, 1e309]", "Number too big to be stored in double. at offset: 4"),
        (b"[" + b"9" * 400 + b"]", "Number too big to be stored in double. at offset: 1"),
        (b'["\\q"]', "Invalid escape character in string. at offset: 2"),
        (b'["a\nb"]', "Invalid escape character in string. at offset: 3"),
        (b'["a', "Missing a closing quotation mark in string. at offset: 3"),
        (b'["\\u12g4"]', "Incorrect hex digit after \\u escape in string. at offset: 2"),
        (b'["\\ud800"]', "The surrogate pair in string is invalid. at offset: 2"),
        (b'["\\ud800\\u0041"]', "The surrogate pair in string is invalid. at offset: 2"),
        (b"\xef\xbb\xbf[", "Invalid value. at offset: 4"),
    ],
)
def test_what_is_refused(text, said):
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert str(caught.value) == said


def test_depth_has_no_limit():
    depth, value = 100_000, parse(b"[" * 100_000 + b"]" * 100_000)
    while value:
        (value,) = value
        depth -= 1
    assert depth == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2.5, [{"b": "c"}]], "d": {}, "e": []}, """{
    "a": [1, 2.5, [{
                "b": "c"
            }]],
    "d": {},
    "e": []
}"""),
        ([True, None, "ä\n\x1f\"\\"], '[true, null, "ä\\n\\u001F\\"\\\\"]'),
        ([2**64 - 1, 2**64, -(2**63) - 1], "[18446744073709551615, 18446744073709552000.0, -9223372036854776000.0]"),
        ([1e21, 1e20, 1.5e-5, 1.5e-7, 1e300, 1.25e300, -0.0],
         "[1e21, 100000000000000000000.0, 0.000015, 1.5e-7, 1e300, 1.25e300, -0.0]"),
        ([1, math.nan, 2], "[1, "),
        ([1, "x" * 300, 2], f'[1, "{"x" * 300}"'),
    ],
)  # fmt: skip
def test_values_in_messages(value, text):
    assert shown(value) == text


def test_long_values_are_cut_after_256_bytes():
    assert shown([1] * 1000) == json.dumps([1] * 86)[:-1]
    deep = parse(b"[" * 5000 + b"]" * 5000)
    assert shown(deep) == "[" * 256
