import subprocess
import sys

import numpy as np
import pytest

from serving.client.__main__ import read_rows
from serving.client.columns import MISSING, column
from serving.client.protos import message
from serving.client.tensors import TensorError, fill, to_array

TensorProto = message("tensorflow.TensorProto")


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1.5, -2.0]], np.float32),
        np.array([2**62, -1]),
        np.array([b"a", b"", b"\xff"], object),
        np.array(["ä", "b"]),
        np.array(7, np.int32),
        np.zeros((0, 3), np.float64),
        np.zeros((0,), object),
        np.array([True, False]),
    ],
)
def test_tensors_survive_the_wire(array):
    proto = TensorProto()
    fill(proto, array)
    back = to_array(TensorProto.FromString(proto.SerializeToString()))
    assert back.shape == array.shape
    expected = [str(v).encode() for v in array] if array.dtype.kind == "U" else array.tolist()
    assert back.tolist() == expected


def test_typed_values_are_read_and_the_last_one_repeats():
    proto = TensorProto(dtype=1, float_val=[1.0, 2.0])
    proto.tensor_shape.dim.add().size = 4
    assert to_array(proto).tolist() == [1.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("fields", "sizes", "message_"),
    [
        ({"dtype": 1, "tensor_content": b"abc"}, [1], "3 bytes of tensor_content do not fill"),
        ({"dtype": 1, "float_val": [1, 2, 3]}, [2], "3 values do not fill"),
        ({"dtype": 1}, [2], "0 values do not fill"),
        ({"dtype": 1, "float_val": [1]}, [-1], "must be fully known"),
        ({"dtype": 1, "float_val": [1]}, [2**31, 2**31], "is refused"),
        ({"dtype": 7}, [3], "0 values do not fill"),
        ({"dtype": 20, "int_val": [1]}, [1], "data type 20 is not supported"),
    ],
)
def test_malformed_tensors_are_refused(fields, sizes, message_):
    proto = TensorProto(**fields)
    for size in sizes:
        proto.tensor_shape.dim.add().size = size
    with pytest.raises(TensorError, match=message_):
        to_array(proto)


def test_missing_values_have_their_spelling():
    rows = [{"f": 1, "i": "3", "s": "x"}, {"f": None, "i": ""}, {}]
    floats = column(rows, "f", np.dtype(np.float32))
    assert floats[0] == 1
    assert np.isnan(floats[1:]).all()
    assert column(rows, "i", np.dtype(np.int64)).tolist() == [3, MISSING["i"], MISSING["i"]]
    assert column(rows, "s", np.dtype(object)).tolist() == [b"x", b"", b""]


def test_big_integers_stay_exact():
    assert column([{"i": 2**60 + 1}, {"i": "17031081800"}], "i", np.dtype(np.int64)).tolist() == [
        2**60 + 1,
        17031081800,
    ]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ("cheap", np.float32),
        (1e300, np.float32),
        (1.5, np.int64),
        ("1.5", np.int64),
        (float("inf"), np.int64),
        (2**70, np.int64),
        ({"a": 1}, object),
        (["a"], object),
    ],
)
def test_wrong_values_name_row_and_key(value, dtype):
    with pytest.raises(ValueError, match=r"row 1, fare: .* is not a"):
        column([{"fare": 1}, {"fare": value}], "fare", np.dtype(dtype))


def test_a_list_may_be_flat_or_nested_and_missing_as_a_whole():
    rows = [{"p": [1, 2, 3, 4]}, {"p": [[5, 6], [7, 8]]}, {}]
    flat = column(rows, "p", np.dtype(np.float32), shape=[4])
    assert flat[:2].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert np.isnan(flat[2]).all()
    assert column(rows[:2], "p", np.dtype(np.int64), shape=[2, 2]).tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    assert column([], "p", np.dtype(np.float32), shape=[4]).shape == (0, 4)


@pytest.mark.parametrize("value", [[1, 2, 3], 7, ["a", "b", "c", "d"], "abcd", [[1, 2], [3]]])
def test_a_list_of_another_size_or_type_is_named(value):
    with pytest.raises(ValueError, match=r"row 1, p: .* is not a list of 4 numbers"):
        column([{"p": [1, 2, 3, 4]}, {"p": value}], "p", np.dtype(np.float32), shape=[4])


def test_json_lines_errors_name_the_line(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"a": 1}\n\n{"a": \n')
    with pytest.raises(ValueError, match=r"rows.jsonl, line 3: is not JSON"):
        read_rows(str(file))


def test_client_starts_without_tensorflow():
    code = (
        "import sys, serving.client.__main__ as m; m.Client('localhost:1').close(); print('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_command_line_reports_an_unreachable_server():
    command = [sys.executable, "-m", "serving.client", "status", "--target", "localhost:1", "--model", "taxi"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("localhost:1: UNAVAILABLE")
    assert "Traceback" not in done.stderr
