"""TensorProto to numpy and back, without TensorFlow.

Field names and the meaning of a short value list (its last value repeats) are those of
``tensorflow/core/framework/tensor.proto``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# DataType numbers of tensorflow/core/framework/types.proto: numpy dtype and the typed field that may hold values.
_DTYPES = {
    1: (np.dtype(np.float32), "float_val"),
    2: (np.dtype(np.float64), "double_val"),
    3: (np.dtype(np.int32), "int_val"),
    4: (np.dtype(np.uint8), "int_val"),
    5: (np.dtype(np.int16), "int_val"),
    6: (np.dtype(np.int8), "int_val"),
    7: (np.dtype(object), "string_val"),
    9: (np.dtype(np.int64), "int64_val"),
    10: (np.dtype(np.bool_), "bool_val"),
    17: (np.dtype(np.uint16), "int_val"),
    22: (np.dtype(np.uint32), "uint32_val"),
    23: (np.dtype(np.uint64), "uint64_val"),
}
_NUMBERS = {dtype: number for number, (dtype, _) in _DTYPES.items()}


class TensorError(ValueError):
    """A TensorProto whose dtype is unknown or whose values do not fill its shape."""


def numpy_dtype(number: int) -> np.dtype:
    """The numpy dtype of a DataType number; strings are ``object``.

    Raises:
        TensorError: the type has no numpy counterpart here.
    """
    if number not in _DTYPES:
        raise TensorError(f"data type {number} is not supported")
    return _DTYPES[number][0]


def fill(proto: Any, array: np.ndarray) -> None:
    """Write ``array`` into an empty TensorProto, numbers as ``tensor_content``."""
    if array.dtype.kind in "SU":
        array = np.char.encode(array).astype(object) if array.dtype.kind == "U" else array.astype(object)
    if array.dtype not in _NUMBERS:
        raise TensorError(f"numpy dtype {array.dtype} is not supported")
    proto.dtype = _NUMBERS[array.dtype]
    for size in array.shape:
        proto.tensor_shape.dim.add().size = size
    if array.dtype == object:
        proto.string_val.extend(value if isinstance(value, bytes) else str(value).encode() for value in array.flat)
    else:
        proto.tensor_content = np.ascontiguousarray(array).tobytes()


def to_array(proto: Any) -> np.ndarray:
    """The values of a TensorProto in its shape; strings as an object array of bytes.

    Raises:
        TensorError: unknown dtype, unknown rank or a negative size, or too few or too many values.
    """
    dtype = numpy_dtype(proto.dtype)
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise TensorError("the shape of a value must be fully known")
    count = int(np.prod([int(size) for size in shape], dtype=object)) if shape else 1
    if not count:
        return np.empty(shape, dtype)
    if proto.tensor_content and not dtype.hasobject:
        if len(proto.tensor_content) != count * dtype.itemsize:
            raise TensorError(f"{len(proto.tensor_content)} bytes of tensor_content do not fill the shape {shape}")
        return np.frombuffer(proto.tensor_content, dtype).reshape(shape)
    values = getattr(proto, _DTYPES[proto.dtype][1])
    if len(values) > count or not values:
        raise TensorError(f"{len(values)} values do not fill the shape {shape}")
    if len(values) < count and count > _MOST_REPEATED:
        raise TensorError(f"a shape of {count} elements with {len(values)} values is refused")
    array = np.empty(count, dtype)
    array[: len(values)] = values
    array[len(values) :] = values[-1]
    return array.reshape(shape)


# A few bytes may not ask the receiver for gigabytes.
_MOST_REPEATED = 1 << 24
