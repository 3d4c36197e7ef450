"""The columns of the output, which are known before the first row is read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from components.batch.model import Arrays
from components.batch.options import FILE, ROW, VERSION, BatchOptions
from components.batch.reading.blocks import RowBlock
from components.refusal import GateRefused
from serving.client.messages.examples import Features, RowFeature
from serving.client.messages.values import MISSING

_PICTURE_KIND = "image"


def check_names(options: BatchOptions, inputs: Collection[str], outputs: Collection[str]) -> None:
    """Refuse names that two columns of the output would have.

    Raises:
        GateRefused: names the column.
    """
    asked = [name for name in inputs if name not in options.keys] if options.inputs else []
    names = [*(options.keys or (FILE, ROW)), VERSION, *asked, *outputs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        fix = "drop --inputs" if twice in asked else "rename it in the input, or choose another key"
        raise GateRefused(f"the output would have two columns {twice!r}; {fix}")


def outputs_of(signature: Any) -> dict[str, pa.DataType]:
    """The type of each output: a single value, or a list where the model gives several a row.

    Raises:
        GateRefused: an output has no rows, so that it is not known which is whose.
    """
    found = {}
    for name, info in sorted(signature.outputs.items()):
        dims = [dim.size for dim in info.tensor_shape.dim]
        if not dims:
            raise GateRefused(f"output {name!r} of the model has no row dimension")
        single = _type(np.dtype(tf.dtypes.as_dtype(info.dtype).as_numpy_dtype))
        found[name] = single if all(size == 1 for size in dims[1:]) else pa.list_(single)
    return found


def columns(block: RowBlock, options: BatchOptions) -> dict[str, pa.Array]:
    """The columns that identify a row, and the model's version."""
    keys = {name: block.batch.column(name) for name in options.keys}
    if not keys:
        keys = {FILE: block.files, ROW: pa.array(block.rows)}
    return {**keys, VERSION: pa.array(np.full(len(block.rows), options.version, np.int64))}


def asked(arrays: Arrays, features: Features) -> dict[str, pa.Array]:
    """The inputs as the model got them; a missing value is null."""
    return {name: _input(arrays[name], feature) for name, feature in features.items()}


def said(arrays: Arrays, types: Mapping[str, pa.DataType]) -> dict[str, pa.Array]:
    """The outputs as columns of these types."""
    return {name: _values(arrays[name], kind) for name, kind in types.items()}


def _input(array: np.ndarray, feature: RowFeature) -> pa.Array:
    binary = feature.dtype.kind == "O" and _PICTURE_KIND in feature.holds.kinds
    kind = pa.binary() if binary else _type(feature.dtype)
    if array.ndim > 1:
        return _values(array, pa.list_(kind))
    missing = np.isnan(array) if array.dtype.kind == "f" else array == MISSING.get(array.dtype.kind)
    if array.dtype.kind == "O":
        return _texts(array, kind, missing)
    return pa.array(array, kind, mask=np.broadcast_to(missing, array.shape))


def _values(array: np.ndarray, kind: pa.DataType) -> pa.Array:
    rows = len(array)
    flat = array.reshape(-1)
    if not pa.types.is_list(kind):
        return _texts(flat, kind, None) if flat.dtype.kind == "O" else pa.array(flat, kind)
    values = _texts(flat, kind.value_type, None) if flat.dtype.kind == "O" else pa.array(flat, kind.value_type)
    width = len(flat) // rows if rows else 0
    return pa.ListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32) * width), values)


def _texts(array: np.ndarray, kind: pa.DataType, missing: np.ndarray | None) -> pa.Array:
    values = pa.array(array, pa.binary(), mask=missing)
    try:
        return values.cast(kind)
    except pa.ArrowInvalid:
        # No UTF-8: shown as the client's command line shows it.
        decode = [None if value is None else value.decode(errors="backslashreplace") for value in values.to_pylist()]
        return pa.array(decode, kind)


def _type(dtype: np.dtype) -> pa.DataType:
    return pa.string() if dtype.kind == "O" else pa.from_numpy_dtype(dtype)
