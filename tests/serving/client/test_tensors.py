import subprocess
import sys

import numpy as np
import pytest

from serving.client.messages.dtypes import TensorError, numpy_dtype
from serving.client.messages.protos import message
from serving.client.messages.tensors import fill, to_array

TensorProto = message("tensorflow.TensorProto")
KINDS = ["f4", "f8", "f2", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"]
# Those that have no limits in numpy: DataType numbers by the typed field that TensorFlow reads.
OTHERS = {
    "int_val": (11, 12, 13, 15, 16, 29, 30, 31, 32),
    "half_val": (14,),
    "scomplex_val": (8,),
    "dcomplex_val": (18,),
    "float8_val": (24, 25, 26, 27, 28),
}


def proto_of(sizes, **fields):
    proto = TensorProto(**fields)
    for size in sizes:
        proto.tensor_shape.dim.add().size = size
    return proto


def extremes(kind, count):
    dtype = np.dtype(kind)
    if dtype.kind == "b":
        return np.arange(count) % 3 == 0
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return np.resize(np.array([info.min, info.max, 0, 1, 127], dtype), count)


@pytest.mark.parametrize("tensor_content", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_dtype_survives_the_wire_in_both_forms_whatever_its_size(kind, tensor_content):
    for array in (extremes(kind, 6).reshape(2, 3), extremes(kind, 300), np.ones((50, 2), kind), np.zeros((0, 3), kind)):
        proto = TensorProto()
        fill(proto, array, tensor_content=tensor_content)
        assert bool(proto.tensor_content) == (tensor_content and array.size > 0)
        back = to_array(TensorProto.FromString(proto.SerializeToString()))
        assert back.dtype == array.dtype
        np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize(("field", "number"), [(field, number) for field, of in OTHERS.items() for number in of])
@pytest.mark.parametrize("count", [2, 300])
def test_types_that_numpy_does_not_have_survive_the_wire_too(field, number, count):
    dtype = numpy_dtype(number)
    array = (np.arange(count) % 2).astype(dtype[0] if dtype.names else dtype).view(dtype).reshape(2, -1)
    for tensor_content in (False, True):
        proto = TensorProto()
        fill(proto, array.T, tensor_content=tensor_content)
        assert proto.dtype == number
        assert bool(getattr(proto, field)) != tensor_content
        back = to_array(TensorProto.FromString(proto.SerializeToString()))
        assert back.dtype == dtype
        assert back.tobytes() == array.T.tobytes()


def test_complex_values_are_pairs_in_their_field():
    proto = TensorProto()
    fill(proto, np.array([1 + 2j, 3j], np.complex64))
    assert list(proto.scomplex_val) == [1.0, 2.0, 0.0, 3.0]
    repeated = proto_of([3], dtype=18, dcomplex_val=[1.0, 2.0])
    assert to_array(repeated).tolist() == [1 + 2j] * 3
    assert to_array(proto_of([1], dtype=8, scomplex_val=[1.0, 2.0, 3.0])).tolist() == [1 + 2j]


def test_an_array_whose_rows_do_not_lie_side_by_side_keeps_its_order():
    array = np.arange(400, dtype=np.float32).reshape(20, 20).T[::2]
    for tensor_content in (False, True):
        proto = TensorProto()
        fill(proto, array, tensor_content=tensor_content)
        np.testing.assert_array_equal(to_array(proto), array)


def test_typed_fields_are_the_ones_other_clients_read():
    proto = TensorProto()
    fill(proto, np.array([[2.5, 3.0]], np.float32))
    assert (proto.dtype, list(proto.float_val), [dim.size for dim in proto.tensor_shape.dim]) == (1, [2.5, 3.0], [1, 2])
    big = TensorProto()
    fill(big, np.arange(100, dtype=np.float32))
    assert list(big.float_val) == list(range(100))
    half = TensorProto()
    fill(half, np.array([1.0], np.float16))
    assert list(half.half_val) == [0x3C00]


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_typed_field_holds_the_values_that_protobuf_would_have_written(kind):
    array = extremes(kind, 300)
    proto = TensorProto()
    fill(proto, array)
    (field,) = [field.name for field, _ in proto.ListFields() if field.name.endswith("_val")]
    expected = array.view(np.uint16) if field == "half_val" else array
    assert list(getattr(proto, field)) == expected.tolist()


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([b"a", b"", b"\xff"], object), [b"a", b"", b"\xff"]),
        (np.array([["ä"], ["b"]]), [["ä".encode()], [b"b"]]),
        (np.array([b"xy", b"z"]), [b"xy", b"z"]),
        (np.array("text", object), b"text"),
        (np.zeros((0,), object), []),
    ],
)
def test_strings_become_bytes(array, expected):
    proto = TensorProto()
    fill(proto, array, tensor_content=True)
    back = to_array(proto)
    assert back.dtype == object
    assert back.tolist() == expected


@pytest.mark.parametrize(
    ("fields", "sizes", "expected"),
    [
        ({"dtype": 1, "float_val": [1.0, 2.0]}, [4], [1.0, 2.0, 2.0, 2.0]),
        ({"dtype": 1, "float_val": list(range(40))}, [2, 21], [[*range(21)], [*range(21, 40), 39, 39]]),
        ({"dtype": 1, "float_val": [1.0, 2.0, 3.0]}, [2], [1.0, 2.0]),
        ({"dtype": 9, "int64_val": [7]}, [], 7),
        ({"dtype": 3}, [2], [0, 0]),
        ({"dtype": 7}, [2], [b"", b""]),
        ({"dtype": 7, "string_val": [b"a"]}, [2], [b"a", b"a"]),
        ({"dtype": 10, "bool_val": [True]}, [3], [True, True, True]),
        ({"dtype": 6, "int_val": [300]}, [1], [44]),
        ({"dtype": 19, "half_val": [0x3C00]}, [2], [1.0, 1.0]),
        ({"dtype": 7, "tensor_content": b"\x01\x02abb"}, [2], [b"a", b"bb"]),
        ({"dtype": 1, "float_val": [1.0]}, [0, 3], []),
    ],
)
def test_reads_what_tensorflow_reads(fields, sizes, expected):
    assert to_array(proto_of(sizes, **fields)).tolist() == expected


@pytest.mark.parametrize(
    ("fields", "sizes", "text"),
    [
        ({"dtype": 1, "tensor_content": b"abc"}, [1], "3 bytes of tensor_content do not fill"),
        ({"dtype": 1, "tensor_content": b"12345678"}, [1], "8 bytes of tensor_content do not fill"),
        ({"dtype": 1, "float_val": [1]}, [-1], "is not fully known"),
        ({"dtype": 1, "float_val": [1]}, [2**31, 2**31], "of 1 values are refused"),
        ({"dtype": 1}, [2**40], "of 0 values are refused"),
        ({"dtype": 7, "tensor_content": b"\x05ab"}, [1], "do not fill 1 strings"),
        ({"dtype": 7, "tensor_content": b"\x80"}, [1], "fewer than 1 strings"),
        ({"dtype": 7, "tensor_content": b"\x01a"}, [2**60], "strings"),
        ({"dtype": 1, "float_val": [1]}, [1] * 100, "is not supported"),
        ({"dtype": 1}, [0, 2**62, 2**62], "is not supported"),
        ({"dtype": 0}, [1], "data type 0 is not supported"),
        ({"dtype": 21}, [1], r"data type 21 \(variant\) is not supported"),
        ({"dtype": 20}, [1], r"data type 20 \(resource\) is not supported"),
        ({"dtype": 101, "float_val": [1]}, [1], "data type 101 is not supported"),
    ],
)
def test_malformed_tensors_are_refused(fields, sizes, text):
    with pytest.raises(TensorError, match=text):
        to_array(proto_of(sizes, **fields))


def test_an_unknown_rank_is_a_scalar_as_for_tensorflow():
    proto = TensorProto(dtype=1, float_val=[1.5])
    proto.tensor_shape.unknown_rank = True
    assert to_array(proto).tolist() == 1.5


@pytest.mark.parametrize("array", [np.zeros(1, [("a", "i1")]), np.array(["2020-01-01"], "M8[D]"), np.ones(1, ">f4")])
def test_other_numpy_dtypes_are_refused(array):
    with pytest.raises(TensorError, match="numpy dtype .* is not supported"):
        fill(TensorProto(), array)


def test_the_codec_needs_no_tensorflow():
    code = "import sys, serving.client.messages.tensors; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
