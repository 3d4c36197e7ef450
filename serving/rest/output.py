"""Results as REST's JSON, in the format of TF Serving's util/json_tensor.cc."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from serving.client.messages import dtypes

# A string output whose name has this suffix holds bytes, which are written as base64.
_BYTES_SUFFIX = "_bytes"
# The data types that util/json_tensor.cc writes.
_WRITTEN = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 10, 22, 23})
# Digits that distinguish each float from its neighbours.
_EXACT = {np.dtype(np.float32): "%.9g", np.dtype(np.float64): "%.17g"}


class OutputError(ValueError):
    """Outputs that the requested format cannot express in JSON; the text is TF Serving's."""


def predictions(outputs: Mapping[str, np.ndarray]) -> bytes:
    """The answer to a row request: one entry per row, an object by output name if there are several outputs.

    Raises:
        OutputError: an output has no row dimension or no JSON form, or their numbers of rows differ.
    """
    _check_some(outputs)
    _check_rows(outputs)
    rows = {name: _nested(_texts(name, array), array.shape, outer=1) for name, array in sorted(outputs.items())}
    if len(rows) == 1:
        (items,) = rows.values()
    else:
        keys = [json.dumps(name, ensure_ascii=False) for name in rows]
        items = [_object(keys, values) for values in zip(*rows.values(), strict=True)]
    return _document("predictions", _list(items))


def columns(outputs: Mapping[str, np.ndarray]) -> bytes:
    """The answer to a columnar request: one entry per output, without its name if there is only one.

    Raises:
        OutputError: there is no output, or one has no JSON form.
    """
    _check_some(outputs)
    values = {name: _nested(_texts(name, array), array.shape, outer=0)[0] for name, array in sorted(outputs.items())}
    if len(values) == 1:
        (value,) = values.values()
    else:
        value = _object([json.dumps(name, ensure_ascii=False) for name in values], list(values.values()))
    return _document("outputs", value)


def classifications(result: Any) -> bytes:
    """The answer to classify, from a ClassificationResult: the [label, score] pairs of every example."""
    if not result.classifications:
        raise OutputError("Cannot convert empty ClassificationResults to JSON")
    items = []
    for entry in result.classifications:
        scores = decimals(np.array([found.score for found in entry.classes], np.float32))
        labels = [json.dumps(found.label, ensure_ascii=False) for found in entry.classes]
        items.append(_list([_list(pair) for pair in zip(labels, scores, strict=True)]))
    return _document("results", _list(items))


def regressions(result: Any) -> bytes:
    """The answer to regress, from a RegressionResult: one number per example."""
    if not result.regressions:
        raise OutputError("Cannot convert empty RegressionResults to JSON")
    values = np.array([entry.value for entry in result.regressions], np.float32)
    return _document("results", _list(decimals(values)))


def decimals(array: np.ndarray) -> list[str]:
    """Floats as JSON numbers: six digits if they read back the same, else all; always with a point or exponent.

    Args:
        array: float32 or float64, of any shape.

    Returns:
        One text per value. NaN, Infinity and -Infinity are not JSON, but most parsers accept them.
    """
    values = array.ravel()
    numbers = values.tolist()
    texts = [f"{number:g}" for number in numbers]
    back = np.array([float(text) for text in texts]).astype(array.dtype)
    for index in np.flatnonzero(back != values):
        texts[index] = _EXACT[array.dtype] % numbers[index]
    texts = [text if "." in text or "e" in text else f"{text}.0" for text in texts]
    for index in np.flatnonzero(~np.isfinite(values)):
        texts[index] = "NaN" if np.isnan(values[index]) else "Infinity" if values[index] > 0 else "-Infinity"
    return texts


def _check_some(outputs: Mapping[str, np.ndarray]) -> None:
    if not outputs:
        raise OutputError("Cannot convert empty tensor map to JSON")


def _check_rows(outputs: Mapping[str, np.ndarray]) -> None:
    rows = None
    for name, array in sorted(outputs.items()):
        if not array.ndim:
            raise OutputError(f"Tensor name: {name} has no shape information ")
        if rows is not None and len(array) != rows:
            raise OutputError(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {rows}")
        rows = len(array)


def _texts(name: str, array: np.ndarray) -> list[str]:
    """Every value of a tensor as JSON."""
    kind = dtypes.number_of(array.dtype)
    if array.size and kind not in _WRITTEN:
        raise OutputError(f"Failed to write JSON value for tensor type: {dtypes.cpp_name(kind)}")
    if array.dtype.kind == "f":
        return decimals(array)
    values = array.ravel().tolist()
    if array.dtype.kind == "b":
        return ["true" if value else "false" for value in values]
    if array.dtype != object:
        return [str(value) for value in values]
    if name.endswith(_BYTES_SUFFIX):
        return [f'{{"b64": "{base64.b64encode(value).decode()}"}}' for value in values]
    # Bytes that are not UTF-8 are written unchanged.
    return [json.dumps(value.decode("utf-8", "surrogateescape"), ensure_ascii=False) for value in values]


def _nested(texts: Sequence[str], shape: Sequence[int], *, outer: int) -> Sequence[str]:
    """Join the values of each list of the innermost dimension, then of the next, up to the ``outer`` first ones."""
    for axis in range(len(shape) - 1, outer - 1, -1):
        size = shape[axis]
        if size:
            texts = [_list(texts[start : start + size]) for start in range(0, len(texts), size)]
        else:
            texts = ["[]"] * int(np.prod(shape[:axis], dtype=np.int64))
    return texts


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(texts)}]"


def _object(keys: Sequence[str], values: Sequence[str]) -> str:
    return f"{{{', '.join(f'{key}: {value}' for key, value in zip(keys, values, strict=True))}}}"


def _document(key: str, value: str) -> bytes:
    return f'{{\n    "{key}": {value}\n}}'.encode("utf-8", "surrogateescape")
