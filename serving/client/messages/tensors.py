"""TensorProto to numpy and back, without TensorFlow; the server and the client share it.

Protos mean the same as to TensorFlow's ``Tensor::FromProto`` (tensorflow/core/framework/tensor.cc): raw bytes must fill
the shape, a short list of values repeats its last one, an empty list means zeros or empty strings, values beyond the
shape are ignored, and so is ``unknown_rank``.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from serving.client.messages.dtypes import FIELDS, STRING, TensorError, number_of, numpy_dtype

# Field numbers of tensorflow/core/framework/tensor.proto.
_FIELDS = {
    "float_val": 5,
    "double_val": 6,
    "int_val": 7,
    "int64_val": 10,
    "scomplex_val": 9,
    "bool_val": 11,
    "dcomplex_val": 12,
    "half_val": 13,
    "uint32_val": 16,
    "uint64_val": 17,
}
# The wire format of these fields equals their memory layout; the others are varints of several bytes.
_FIXED_WIDTH = ("float_val", "double_val", "bool_val", "scomplex_val", "dcomplex_val")
# A complex value is two numbers of the field.
_PARTS = {"scomplex_val": np.float32, "dcomplex_val": np.float64}
# From this many values on, whole buffers beat lists of Python numbers.
_MANY = 32
# A few bytes must not make the receiver allocate gigabytes: the most elements made by repeating the last value.
MOST_REPEATED = 1 << 22


def fill(proto: Any, array: np.ndarray, *, tensor_content: bool = False) -> None:
    """Write ``array`` into an empty TensorProto.

    Args:
        proto: the TensorProto.
        array: numbers, booleans, bytes or text; text is encoded as UTF-8.
        tensor_content: bool, send numbers as one raw buffer instead of in the typed field of their dtype; strings
            have no raw form.

    Raises:
        TensorError: the array's dtype is not supported.
    """
    if array.dtype.kind in "SU":
        array = array.astype(object)
    number = number_of(array.dtype)
    proto.dtype = number
    dimensions = proto.tensor_shape.dim
    for size in array.shape:
        dimensions.add().size = size
    if number == STRING:
        proto.string_val.extend([value if type(value) is bytes else _bytes(value) for value in array.ravel().tolist()])
    elif tensor_content:
        proto.tensor_content = array.tobytes()
    else:
        _fill_field(proto, FIELDS[number], array)


def to_array(proto: Any, *, most_repeated: int = MOST_REPEATED) -> np.ndarray:
    """The values of a TensorProto in its shape, possibly read-only; strings as an object array of bytes.

    Args:
        proto: a TensorProto.
        most_repeated: int, most elements of a tensor that is made of fewer values.

    Raises:
        TensorError: the dtype is not supported, the shape is not fully known, or the raw bytes do not fill it.
    """
    dtype = numpy_dtype(proto.dtype)
    shape = [dimension.size for dimension in proto.tensor_shape.dim]
    if shape and min(shape) < 0:
        raise TensorError(f"the shape {shape} of a value is not fully known")
    count = math.prod(shape)
    content = proto.tensor_content
    if not count:
        flat = np.empty(0, dtype)
    elif not content:
        flat = _typed(proto, FIELDS[proto.dtype], dtype, count, most_repeated)
    elif dtype.hasobject:
        flat = np.array(_strings(content, count), dtype)
    elif len(content) != count * dtype.itemsize:
        raise TensorError(f"{len(content)} bytes of tensor_content do not fill the shape {shape}")
    else:
        flat = np.frombuffer(content, dtype)
    try:
        return flat.reshape(shape)
    except ValueError as error:
        raise TensorError(f"the shape {shape} is not supported ({error})") from None


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _fill_field(proto: Any, field: str, array: np.ndarray) -> None:
    if field == "float8_val":
        proto.float8_val = array.tobytes()
        return
    array = _as_sent(array, field)
    if array.size >= _MANY:
        if field in _FIXED_WIDTH:
            _merge(proto, field, array.tobytes())
            return
        # A varint below 128 is the byte itself.
        if array.min() >= 0 and array.max() < 128:
            _merge(proto, field, array.astype(np.uint8).tobytes())
            return
    getattr(proto, field).extend(array.ravel().tolist())


def _as_sent(array: np.ndarray, field: str) -> np.ndarray:
    """The numbers that stand in a field."""
    if field == "half_val":
        return np.ascontiguousarray(array).view(np.uint16)
    if field in _PARTS:
        return np.ascontiguousarray(array).reshape(-1).view(_PARTS[field])
    if array.dtype.names:
        return array[array.dtype.names[0]]
    # numpy's own integers turn into Python's; those of ml_dtypes do not.
    return array.astype(np.int32) if field == "int_val" and array.dtype.kind == "V" else array


def _merge(proto: Any, field: str, packed: bytes) -> None:
    """Set a repeated field from its packed bytes (the protobuf encoding of a packed list)."""
    proto.MergeFromString(_varint(_FIELDS[field] << 3 | 2) + _varint(len(packed)) + packed)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _typed(proto: Any, field: str, dtype: np.dtype, count: int, most_repeated: int) -> np.ndarray:
    """``count`` values out of a typed field."""
    values = getattr(proto, field)
    given = len(values) // 2 if field in _PARTS else len(values)
    if given < count and count > most_repeated:
        raise TensorError(f"{count} elements of {given} values are refused")
    if not given:
        return np.full(count, b"", dtype) if dtype.hasobject else np.zeros(count, dtype)
    if field == "float8_val":
        flat = np.frombuffer(values, dtype)
    elif given >= _MANY and field in _FIXED_WIDTH:
        packed = getattr(_packed_message().FromString(proto.SerializeToString()), field)
        flat = np.frombuffer(packed, dtype, given)
    else:
        flat = _from_list(values[:], field, dtype)
    if given == count:
        return flat
    return flat[:count] if given > count else np.concatenate([flat, np.repeat(flat[-1:], count - given)])


def _from_list(values: Sequence[Any], field: str, dtype: np.dtype) -> np.ndarray:
    if field == "half_val":
        return np.array(values, np.int32).astype(np.uint16).view(dtype)
    if field in _PARTS:
        return np.array(values[: len(values) // 2 * 2], _PARTS[field]).view(dtype)
    if dtype.names:
        return np.array(values, np.int32).astype(dtype[0]).view(dtype)
    # Narrow integers travel in a wider field; those that do not fit wrap around as in C++.
    return np.array(values, np.int32).astype(dtype) if field == "int_val" else np.array(values, dtype)


@functools.cache
def _packed_message() -> Any:
    """A message that reads TensorProto's lists of fixed width as bytes, which have the same wire type."""
    file = descriptor_pb2.FileDescriptorProto(name="packed.proto", syntax="proto3")
    message = file.message_type.add(name="Packed")
    for field in _FIXED_WIDTH:
        message.field.add(name=field, number=_FIELDS[field], type="TYPE_BYTES", label="LABEL_OPTIONAL")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("Packed"))


def _strings(content: bytes, count: int) -> list[bytes]:
    """Strings as ``EncodeStringList`` of tensorflow/core/lib/core/coding writes them: all lengths, then all bytes."""
    sizes, position = [], 0
    while len(sizes) < count:
        size = shift = 0
        while True:
            if position >= len(content) or shift > 28:
                raise TensorError(f"{len(content)} bytes of tensor_content hold fewer than {count} strings")
            byte = content[position]
            position += 1
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        sizes.append(size)
    if position + sum(sizes) != len(content):
        raise TensorError(f"{len(content)} bytes of tensor_content do not fill {count} strings")
    strings = []
    for size in sizes:
        strings.append(content[position : position + size])
        position += size
    return strings
