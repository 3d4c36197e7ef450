"""JSON values as arrays of the type that a signature wants, with the rules and texts of util/json_tensor.cc."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from itertools import chain
from typing import Any

import grpc
import numpy as np

from serving.client.messages import tensors
from serving.rest.output import decimals

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
# Name, largest integer that is exact, largest number.
_DECIMALS = {
    FLOAT: ("float", 2**24 - 1, float(np.finfo(np.float32).max)),
    _DOUBLE: ("double", 2**53 - 1, float(np.finfo(np.float64).max)),
}
_OTHER_NAMES = {8: "complex64", 14: "bfloat16", 17: "uint16", 18: "complex128", 19: "half"}
_MOST_DIMENSIONS = 32
# The longest message.
_LONGEST_TEXT = 1024


class JsonError(ValueError):
    """An invalid request; the text is TF Serving's.

    Attributes:
        code: the status to answer with.
    """

    def __init__(self, text: str, code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT):
        super().__init__(text)
        self.code = code


def decode_base64(value: Any) -> bytes:
    """The bytes of a ``{"b64": "..."}`` object; padding is optional."""
    if not is_base64(value):
        raise JsonError(f"JSON Value: {shown(value)} not formatted correctly for base64 data")
    digits = value["b64"].rstrip("=")
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise JsonError("Unable to base64 decode") from None


def string_bytes(value: str) -> bytes:
    """The bytes of a JSON string."""
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise JsonError("JSON Parse error: The surrogate pair in string is invalid.") from None


def is_object(value: Any) -> bool:
    """Whether a value is an object, other than one that stands for bytes."""
    return isinstance(value, dict) and not is_base64(value)


def type_name(value: Any) -> str:
    """The JSON type of a value, as in TF Serving's messages."""
    if isinstance(value, bool):
        return str(value)
    names = {type(None): "Null", dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}
    return names[type(value)]


def is_integer(value: float) -> bool:
    """Whether TF Serving's parser takes a number for an integer; beyond 64 bits it is a decimal."""
    return isinstance(value, int) and -(2**63) <= value < 2**64


def lossy(value: float, target: str) -> JsonError:
    """The error for a number that ``target`` cannot hold."""
    return JsonError(f"Cannot convert JSON value: {shown(value)} to {target} without loss of precision.")


def is_base64(value: Any) -> bool:
    """Whether a value is a ``{"b64": "..."}`` object."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def shown(value: Any) -> str:
    """A value as in TF Serving's messages; only the start of a long one, which would be cut anyway."""
    if isinstance(value, float):
        fits = not np.isfinite(value) or abs(value) <= _DECIMALS[FLOAT][2]
        return decimals(np.array([value], np.float32 if fits else np.float64))[0]
    parts, length = [], 0
    try:
        for part in json.JSONEncoder(indent=4, ensure_ascii=False).iterencode(value):
            parts.append(part)
            length += len(part)
            if length > _LONGEST_TEXT:
                break
    except RecursionError:
        parts.append("...")
    return "".join(parts)[: _LONGEST_TEXT + 1]


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
    name = _OTHER_NAMES.get(dtype, f"DataType {dtype}")
    first = shown(leaves[0]) if leaves else ""
    raise JsonError(f"Conversion of JSON Value: {first} to type: {name}", grpc.StatusCode.UNIMPLEMENTED)


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
    name, exact, largest = _DECIMALS[dtype]
    _check_type(leaves, {int, float}, name)
    try:
        values = np.array(leaves, np.float64)
    except OverflowError:
        raise lossy(max(leaves, key=abs), name) from None
    for index in np.flatnonzero(np.isfinite(values) & (np.abs(values) > exact)).tolist():
        if abs(leaves[index]) > (exact if is_integer(leaves[index]) else largest):
            raise lossy(leaves[index], name)
    return values.astype(tensors.numpy_dtype(dtype))


def _integers(leaves: Sequence[Any], dtype: int) -> np.ndarray:
    name, least, largest = _INTEGERS[dtype]
    _check_type(leaves, {int}, name)
    if leaves and not (least <= min(leaves) and max(leaves) <= largest):
        raise _type_error(next(leaf for leaf in leaves if not least <= leaf <= largest), name)
    return np.array(leaves, np.uint64 if least == 0 else np.int64).astype(tensors.numpy_dtype(dtype))


def _strings(leaves: Sequence[Any]) -> np.ndarray:
    _check_type(leaves, {str, dict}, "string")
    values = np.empty(len(leaves), object)
    values[:] = [string_bytes(leaf) if isinstance(leaf, str) else decode_base64(leaf) for leaf in leaves]
    return values
