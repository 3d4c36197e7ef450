"""Merges the rows of several requests and splits the answers (batching/batching_session.cc)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from serving.client.messages.values import missing_of
from serving.errors import failed_precondition, invalid_argument

Tensors = Mapping[str, np.ndarray]
_LARGEST_PADDED_RANK = 6


def rows_of(inputs: Tensors) -> int:
    """The size of dimension 0, which all inputs of a request share.

    Raises:
        StatusError: INVALID_ARGUMENT if sizes differ or an input has no dimension.
    """
    if not inputs:
        raise invalid_argument("Batching Run() must have at least one input tensor")
    if any(array.ndim == 0 for array in inputs.values()):
        raise invalid_argument("Batching Run() input tensors must have at least one dimension")
    sizes = {array.shape[0] for array in inputs.values()}
    if len(sizes) > 1:
        raise invalid_argument("Batching Run() input tensors must have equal 0th-dimension size")
    return sizes.pop()


def merge(
    requests: Sequence[Tensors], *, rows: int, pad_lengths: bool, lists: Collection[str] = ()
) -> dict[str, np.ndarray]:
    """One array for each input, the requests' rows after one another.

    Args:
        requests: inputs by name, with the same names in each.
        rows: int, rows of the result; missing ones repeat the first row of the last request.
        pad_lengths: bool, pad requests of unequal shapes to the largest, with their own first value.
        lists: inputs that are padded in any case, with what stands for a missing value.

    Raises:
        StatusError: FAILED_PRECONDITION if shapes differ without padding; INVALID_ARGUMENT if one cannot be padded.
    """
    merged = {}
    for name in requests[0]:
        arrays = [request[name] for request in requests]
        if name in lists:
            arrays = _of_one_shape(name, arrays, fill=missing_of(arrays[0].dtype))
        elif pad_lengths:
            arrays = _of_one_shape(name, arrays)
        elif any(array.shape[1:] != arrays[0].shape[1:] for array in arrays):
            raise failed_precondition(
                f"Tensors with name '{name}' from different tasks have different shapes and padding is turned off."
                "Set pad_variable_length_inputs to true, or ensure that all tensors with the same name"
                "have equal dimensions starting with the first dim."
            )
        missing = rows - sum(len(array) for array in arrays)
        if missing:
            arrays.append(np.repeat(arrays[-1][:1], missing, axis=0))
        merged[name] = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    return merged


def split(outputs: Tensors, *, sizes: Sequence[int], rows: int) -> list[dict[str, np.ndarray]]:
    """The outputs of each request: views of the batch's arrays, without the rows of padding.

    Args:
        outputs: the batch's outputs by name.
        sizes: rows of each request, in the order of `merge`.
        rows: int, rows of the batch, padding included.

    Raises:
        StatusError: FAILED_PRECONDITION if an output does not have one row for each input row.
    """
    for value in outputs.values():
        if np.ndim(value) == 0:
            raise failed_precondition("Batched output tensor has 0 dimensions")
        if len(value) != rows:
            raise failed_precondition(
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
                "tensors"
            )
    parts, start = [], 0
    for size in sizes:
        parts.append({name: array[start : start + size] for name, array in outputs.items()})
        start += size
    return parts


def _of_one_shape(name: str, arrays: Sequence[np.ndarray], *, fill: Any = None) -> list[np.ndarray]:
    """The arrays, padded at the end of all dimensions but the first to the largest shape."""
    if len({array.ndim for array in arrays}) > 1:
        raise failed_precondition(f"Tensors with name '{name}' from different tasks have different ranks")
    if arrays[0].ndim > _LARGEST_PADDED_RANK:
        raise invalid_argument(f"Only tensors with rank from 1 to {_LARGEST_PADDED_RANK} can be padded.")
    longest = tuple(max(lengths) for lengths in zip(*(array.shape[1:] for array in arrays), strict=True))
    return [_padded(array, (len(array), *longest), fill) for array in arrays]


def _padded(array: np.ndarray, shape: tuple[int, ...], fill: Any) -> np.ndarray:
    if array.size == np.prod(shape, dtype=int):
        return array.reshape(shape)
    if not array.size and fill is None:
        raise invalid_argument("Got empty tensor in batch of non-empty tensors.")
    padded = np.empty(shape, array.dtype)
    # Not np.pad or np.full: both strip trailing zero bytes of strings.
    padded.fill(array.flat[0] if fill is None else fill)
    padded[tuple(slice(length) for length in array.shape)] = array
    return padded
