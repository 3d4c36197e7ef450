"""The protocol's data types, and its raw form of tensors."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from serving.client.messages import dtypes
from serving.errors import StatusError, invalid_argument

# Name: number of TensorFlow's DataType, and the typed field of InferTensorContents; half precision has none.
_TYPES = {
    "BOOL": (10, "bool_contents"),
    "UINT8": (4, "uint_contents"),
    "UINT16": (17, "uint_contents"),
    "UINT32": (22, "uint_contents"),
    "UINT64": (23, "uint64_contents"),
    "INT8": (6, "int_contents"),
    "INT16": (5, "int_contents"),
    "INT32": (3, "int_contents"),
    "INT64": (9, "int64_contents"),
    "FP16": (19, ""),
    "BF16": (14, ""),
    "FP32": (1, "fp32_contents"),
    "FP64": (2, "fp64_contents"),
    "BYTES": (dtypes.STRING, "bytes_contents"),
}
_NAMES = {number: name for name, (number, _) in _TYPES.items()}
# Before each string in raw contents: its length.
_LENGTH = struct.Struct("<I")


def dtype_of(datatype: str, *, where: str) -> np.dtype:
    """The numpy dtype of a data type; BYTES are ``object``.

    Args:
        datatype: such as ``FP32``.
        where: the tensor, for messages.

    Raises:
        StatusError: there is no such type.
    """
    if datatype not in _TYPES:
        raise invalid_argument(f"{where}: datatype {datatype!r} is unknown; there are {', '.join(_TYPES)}")
    return dtypes.numpy_dtype(_TYPES[datatype][0])


def name_of(number: int) -> str:
    """The protocol's name of a DataType; TensorFlow's where it has none."""
    return _NAMES.get(number) or dtypes.cpp_name(number)


def field_of(datatype: str) -> str:
    """The typed field of a data type; empty if it has none."""
    return _TYPES[datatype][1]


def name_of_array(array: np.ndarray, *, where: str) -> str:
    """The protocol's name of an array's type.

    Raises:
        StatusError: it has none, such as a complex one.
    """
    number = dtypes.number_of(array.dtype)
    if number not in _NAMES:
        raise invalid_argument(f"{where}: the protocol has no data type for {dtypes.cpp_name(number)}")
    return _NAMES[number]


def from_raw(raw: bytes, datatype: str, shape: Sequence[int], *, where: str) -> np.ndarray:
    """A tensor from its raw form: row by row, little-endian, each string after its length.

    Raises:
        StatusError: the bytes do not fill the shape.
    """
    dtype = dtype_of(datatype, where=where)
    flat = np.array(_strings(raw, where), object) if dtype.hasobject else _numbers(raw, dtype, where)
    return shaped(flat, shape, where=where)


def shaped(flat: np.ndarray, shape: Sequence[int], *, where: str) -> np.ndarray:
    """The values in their shape.

    Raises:
        StatusError: they do not fill it.
    """
    try:
        if min(shape, default=0) < 0:
            raise ValueError
        return flat.reshape(list(shape))
    except ValueError:
        raise invalid_argument(f"{where}: {flat.size} values do not fill the shape {list(shape)}") from None


def to_raw(array: np.ndarray) -> bytes:
    """The raw form of a tensor."""
    if not array.dtype.hasobject:
        return array.tobytes()
    values = array.ravel().tolist()
    return b"".join(part for value in values for part in (_LENGTH.pack(len(value)), value))


def _numbers(raw: bytes, dtype: np.dtype, where: str) -> np.ndarray:
    if len(raw) % dtype.itemsize:
        raise invalid_argument(f"{where}: {len(raw)} bytes are no whole number of values of {dtype.itemsize} bytes")
    return np.frombuffer(raw, dtype)


def _strings(raw: bytes, where: str) -> list[bytes]:
    found, at = [], 0
    while at < len(raw):
        if at + _LENGTH.size > len(raw):
            raise _cut(where)
        (size,) = _LENGTH.unpack_from(raw, at)
        at += _LENGTH.size
        if at + size > len(raw):
            raise _cut(where)
        found.append(raw[at : at + size])
        at += size
    return found


def _cut(where: str) -> StatusError:
    return invalid_argument(f"{where}: the raw contents end within a string")
