"""From tensors to JSON, and which outputs have none."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from serving.client.messages.protos import message
from serving.rest import output as rest_output


def answer(body: bytes) -> object:
    return json.loads(body)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3.0"),
        (0.1, "0.1"),
        (-0.0, "-0.0"),
        (9e6, "9e+06"),
        (3e-5, "3e-05"),
        (16777215.0, "16777215.0"),
        (1 / 3, "0.333333343"),
        (np.nan, "NaN"),
        (np.inf, "Infinity"),
        (-np.inf, "-Infinity"),
    ],
)
def test_floats_look_as_tf_serving_writes_them(value, text):
    assert rest_output.decimals(np.array([value], np.float32)) == [text]


def test_every_float_reads_back_the_same():
    bits = np.random.default_rng(1).integers(0, 2**32, 20_000, np.uint32)
    floats = bits.view(np.float32)
    floats = floats[np.isfinite(floats)]
    back = np.array([float(text) for text in rest_output.decimals(floats)]).astype(np.float32)
    assert back.tobytes() == floats.tobytes()
    doubles = np.array([0.1, 1 / 3, 5e-324, 1.7976931348623157e308, struct.unpack("d", b"\1\2\3\4\5\6\7\x40")[0]])
    assert [float(text) for text in rest_output.decimals(doubles)] == doubles.tolist()


def test_row_answers_are_flat_for_one_output_and_objects_for_several():
    scores = np.float32([[0.5, 1], [2, 3]])
    assert rest_output.predictions({"y": scores}) == b'{\n    "predictions": [[0.5, 1.0], [2.0, 3.0]]\n}'
    several = rest_output.predictions({"y": scores, "n": np.array([1, 2]), "t": np.array([[True], [False]])})
    assert answer(several) == {
        "predictions": [{"n": 1, "t": [True], "y": [0.5, 1.0]}, {"n": 2, "t": [False], "y": [2.0, 3.0]}]
    }
    assert answer(rest_output.predictions({"y": np.zeros((2, 0, 3), np.float32)})) == {"predictions": [[], []]}
    assert answer(rest_output.predictions({"y": np.zeros((2, 2, 0), np.float32)})) == {"predictions": [[[], []]] * 2}


def test_no_rows_are_an_empty_list():
    none = {"y": np.zeros((0, 2)), "z": np.zeros(0, np.float16)}
    assert answer(rest_output.predictions(none)) == {"predictions": []}


def test_columnar_answers_keep_the_shape():
    assert answer(rest_output.columns({"y": np.float32(3).reshape(())})) == {"outputs": 3.0}
    assert answer(rest_output.columns({"y": np.float64([1.5])})) == {"outputs": [1.5]}
    both = {"y": np.array([[1], [2]], np.int32), "s": np.array([b"a"], object)}
    assert answer(rest_output.columns(both)) == {"outputs": {"y": [[1], [2]], "s": ["a"]}}


def test_outputs_named_bytes_are_base64():
    strings = np.array([b"hello", b'a"\n'], object)
    assert answer(rest_output.columns({"s": strings})) == {"outputs": ["hello", 'a"\n']}
    assert answer(rest_output.columns({"s_bytes": strings})) == {"outputs": [{"b64": "aGVsbG8="}, {"b64": "YSIK"}]}


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ({}, "Cannot convert empty tensor map to JSON"),
        ({"y": np.float32(1).reshape(())}, "Tensor name: y has no shape information"),
        ({"y": np.zeros((0, 2)), "z": np.zeros(3)}, "Tensor name: z has inconsistent batch size: 3 expecting: 0"),
        ({"y": np.zeros(1, np.float16)}, "Failed to write JSON value for tensor type: half"),
        ({"y": np.zeros(1, np.complex64)}, "Failed to write JSON value for tensor type: complex64"),
        ({"y": np.zeros(2), "z": np.zeros(3)}, "Tensor name: z has inconsistent batch size: 3 expecting: 2"),
    ],
)
def test_outputs_without_a_row_format(outputs, text):
    with pytest.raises(rest_output.OutputError, match=text):
        rest_output.predictions(outputs)


def test_classes_and_regressions():
    classes = message("tensorflow.serving.ClassificationResult")()
    classes.classifications.add().classes.add(score=3.0)
    classes.classifications.add().classes.add(label="ä", score=0.25)
    assert rest_output.classifications(classes) == '{\n    "results": [[["", 3.0]], [["ä", 0.25]]]\n}'.encode()
    values = message("tensorflow.serving.RegressionResult")()
    values.regressions.add(value=3.0)
    assert rest_output.regressions(values) == b'{\n    "results": [3.0]\n}'
    with pytest.raises(rest_output.OutputError, match="empty RegressionResults"):
        rest_output.regressions(message("tensorflow.serving.RegressionResult")())
