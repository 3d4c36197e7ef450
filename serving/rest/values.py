"""JSON values as arrays of the type that a signature wants, with the rules and texts of util/json_tensor.cc."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from itertools import chain
from typing import Any

import grpc
import numpy as np

from serving.client.messages import dtypes
from serving.rest.shown import shown

FLOAT, _DOUBLE, _STRING, _BOOL = 1, 2, 7, 10
# DataType number (tensorflow/core/framework/types.proto): its name, and the smallest and largest JSON integer. Integers
# below 32 bits are truncated to their width, as in TF Serving.
_INTEGERS = {
    3: ("int32", -(2**31), 2**31 - 1),
    4: ("uint8", -(2**31), 2**31 - 1),
    5: ("int16", -(2**31), 2**31 - 1),
    6: ("int8", -(2**31), 2**31 - 1),
    9: ("int64", -(2**63), 2**63 - 1),
    22: ("uint32", 0, 2**32 - 1),
    23: ("uint64", 0, 2**64 - 1),
}
_DECIMALS = {FLOAT: "float", _DOUBLE: "double"}
_MOST_DIMENSIONS = 32
# What C++'s isspace takes for white space.
_WITHOUT_SPACE = dict.fromkeys(map(ord, " \t\n\v\f\r"))


class JsonError(ValueError):
    """An invalid request; the text is TF Serving's.

    Attributes:
        code: the status to answer with.
    """

    def __init__(self, text: str, code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT):
        super().__init__(text)
        self.code = code


def decode_base64(value: Any) -> bytes:
    """The bytes of a ``{"b64": "..."}`` object, as ``absl::Base64Unescape`` decodes them (absl/strings/escaping.cc).

    White space is skipped; padding is optional, by equals signs or dots, but not more or less than is needed.
    """
    if not is_base64(value):
        raise JsonError(f"JSON Value: {shown(value)} not formatted correctly for base64 data")
    padded = value["b64"].translate(_WITHOUT_SPACE)
    digits = padded.rstrip("=.")
    missing = -len(digits) % 4
    try:
        if missing == 3 or len(padded) - len(digits) not in (0, missing):
            raise ValueError
        return base64.b64decode(digits + "=" * missing, validate=True)
    except (binascii.Error, ValueError):
        raise JsonError("Unable to base64 decode") from None


def string_bytes(value: str) -> bytes:
    """The bytes of a JSON string."""
    return value.encode("utf-8", "surrogateescape")


def is_object(value: Any) -> bool:
    """Whether a value is an object, other than one that stands for bytes."""
    return isinstance(value, dict) and not is_base64(value)


def type_name(value: Any) -> str:
    """The JSON type of a value, as in TF Serving's messages."""
    if isinstance(value, bool):
        return str(value)
    names = {type(None): "Null", dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}
    return names[type(value)]


def is_base64(value: Any) -> bool:
    """Whether a value is a ``{"b64": "..."}`` object."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def shape_of(value: Any) -> tuple[int, ...]:
    """The shape of nested lists, from their first elements; empty for a plain value."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    if len(shape) > _MOST_DIMENSIONS:
        raise JsonError(f"{len(shape)} nested lists: a tensor may have {_MOST_DIMENSIONS} dimensions")
    return tuple(shape)


def array(value: Any, dtype: int) -> np.ndarray:
    """A value or nested lists of values as one flat array, in row-major order.

    Args:
        value: parsed JSON.
        dtype: int, DataType number of the tensor.

    Raises:
        JsonError: the lists are ragged, or a value has another type.
    """
    leaves = _leaves(value, shape_of(value))
    if dtype in _DECIMALS:
        return _decimals(leaves, dtype)
    if dtype in _INTEGERS:
        return _integers(leaves, dtype)
    if dtype == _BOOL:
        _check_type(leaves, {bool}, "bool")
        return np.array(leaves, np.bool_)
    if dtype == _STRING:
        return _strings(leaves)
    first = shown(leaves[0]) if leaves else ""
    raise JsonError(
        f"Conversion of JSON Value: {first} to type: {dtypes.cpp_name(dtype)}", grpc.StatusCode.UNIMPLEMENTED
    )


def _leaves(value: Any, shape: Sequence[int]) -> list[Any]:
    values = [value]
    for level, size in enumerate(shape):
        for item in values:
            if not isinstance(item, list):
                raise JsonError(
                    f"JSON Value: {shown(item)} found at incorrect level: {level + 1} in the JSON DOM. "
                    f"Expected at level: {len(shape)}"
                )
            if len(item) != size:
                raise JsonError(
                    f"Encountered list at unexpected size: {len(item)} at level: {level} expected size: {size}"
                )
        values = list(chain.from_iterable(values))
    if any(isinstance(item, list) for item in values):
        raise JsonError(f"Encountered list at unexpected level: {len(shape)} expected < {len(shape)}")
    return values


def _check_type(leaves: Sequence[Any], types: set[type], name: str) -> None:
    if not set(map(type, leaves)) <= types:
        raise _type_error(next(leaf for leaf in leaves if type(leaf) not in types), name)


def _type_error(value: Any, name: str) -> JsonError:
    return JsonError(f"JSON Value: {shown(value)} Type: {type_name(value)} is not of expected type: {name}")


def _decimals(leaves: Sequence[Any], dtype: int) -> np.ndarray:
    """Numbers are read as doubles; what a float cannot hold becomes the nearest one, or infinity."""
    _check_type(leaves, {int, float}, _DECIMALS[dtype])
    with np.errstate(over="ignore"):
        return np.array(leaves, np.float64).astype(dtypes.numpy_dtype(dtype))


def _integers(leaves: Sequence[Any], dtype: int) -> np.ndarray:
    name, least, largest = _INTEGERS[dtype]
    _check_type(leaves, {int}, name)
    if leaves and not (least <= min(leaves) and max(leaves) <= largest):
        raise _type_error(next(leaf for leaf in leaves if not least <= leaf <= largest), name)
    return np.array(leaves, np.uint64 if least == 0 else np.int64).astype(dtypes.numpy_dtype(dtype))


def _strings(leaves: Sequence[Any]) -> np.ndarray:
    _check_type(leaves, {str, dict}, "string")
    values = np.empty(len(leaves), object)
    values[:] = [string_bytes(leaf) if isinstance(leaf, str) else decode_base64(leaf) for leaf in leaves]
    return values
