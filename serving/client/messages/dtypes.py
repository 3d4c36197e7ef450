"""TensorFlow's data types without TensorFlow: numbers, names, numpy dtypes, and the typed field of a TensorProto.

The numbers are those of tensorflow/core/framework/types.proto, the fields those that ``Tensor::FromProto`` reads
(tensorflow/core/framework/tensor.cc). Types that numpy does not have come from ml_dtypes, which TensorFlow needs, too;
quantized ones are records of one integer, as TensorFlow's own.
"""

from __future__ import annotations

import functools

import numpy as np

_PLAIN = {
    1: ("float32", "float_val"),
    2: ("float64", "double_val"),
    3: ("int32", "int_val"),
    4: ("uint8", "int_val"),
    5: ("int16", "int_val"),
    6: ("int8", "int_val"),
    7: ("object", "string_val"),
    8: ("complex64", "scomplex_val"),
    9: ("int64", "int64_val"),
    10: ("bool", "bool_val"),
    17: ("uint16", "int_val"),
    18: ("complex128", "dcomplex_val"),
    19: ("float16", "half_val"),
    22: ("uint32", "uint32_val"),
    23: ("uint64", "uint64_val"),
}
_QUANTIZED = {
    11: ("qint8", "i1"),
    12: ("quint8", "u1"),
    13: ("qint32", "i4"),
    15: ("qint16", "i2"),
    16: ("quint16", "u2"),
}
_EXTENDED = {
    14: ("bfloat16", "half_val"),
    24: ("float8_e5m2", "float8_val"),
    25: ("float8_e4m3fn", "float8_val"),
    26: ("float8_e4m3fnuz", "float8_val"),
    27: ("float8_e4m3b11fnuz", "float8_val"),
    28: ("float8_e5m2fnuz", "float8_val"),
    29: ("int4", "int_val"),
    30: ("uint4", "int_val"),
    31: ("int2", "int_val"),
    32: ("uint2", "int_val"),
}
STRING = 7
# tensorflow/core/framework/types.cc, where it is not numpy's name.
_CPP_NAMES = {1: "float", 2: "double", 7: "string", 19: "half", 20: "resource", 21: "variant"}
_DTYPES = {number: np.dtype(name) for number, (name, _) in _PLAIN.items()} | {
    number: np.dtype([(name, kind)]) for number, (name, kind) in _QUANTIZED.items()
}
_NUMBERS = {dtype: number for number, dtype in _DTYPES.items()}
FIELDS = {
    **{number: field for number, (_, field) in (_PLAIN | _EXTENDED).items()},
    **dict.fromkeys(_QUANTIZED, "int_val"),
}


class TensorError(ValueError):
    """A TensorProto, or an array, whose dtype is not supported or whose values do not fill its shape."""


def numpy_dtype(number: int) -> np.dtype:
    """The numpy dtype of a DataType number; strings are ``object``.

    Raises:
        TensorError: there is none: resources, variants, references, unknown numbers; or ml_dtypes is not installed.
    """
    dtype = _DTYPES.get(number)
    return _extended(number) if dtype is None else dtype


def number_of(dtype: np.dtype) -> int:
    """The DataType number of a numpy dtype.

    Raises:
        TensorError: there is none.
    """
    number = _NUMBERS.get(dtype)
    if number is not None:
        return number
    for number, (name, _) in _EXTENDED.items():
        if dtype.name == name:
            return number
    raise TensorError(f"numpy dtype {dtype} is not supported")


def cpp_name(number: int) -> str:
    """The name of a DataType in messages of TensorFlow's C++."""
    known = _PLAIN | _QUANTIZED | _EXTENDED
    return _CPP_NAMES.get(number) or (known[number][0] if number in known else f"DataType {number}")


def is_quantized(number: int) -> bool:
    """Whether a DataType's numpy dtype is a record of one integer."""
    return number in _QUANTIZED


@functools.cache
def _extended(number: int) -> np.dtype:
    if number not in _EXTENDED:
        name = f" ({_CPP_NAMES[number]})" if number in _CPP_NAMES else ""
        raise TensorError(f"data type {number}{name} is not supported")
    name = _EXTENDED[number][0]
    try:
        import ml_dtypes
    except ImportError:
        raise TensorError(f"data type {number} ({name}) needs the package ml_dtypes") from None
    return np.dtype(getattr(ml_dtypes, name))
