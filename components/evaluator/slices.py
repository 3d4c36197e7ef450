"""Which rows belong to which slice, asked of TFMA once for each distinct combination of values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.api import types
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.slicer import slicer_lib

# As TFMA has it: (("column", value), ...), empty for all rows.
SliceKey = slicer_lib.SliceKeyType

# Of one row the names and values of a spec's columns.
_Cell = tuple[tuple[str, tuple[Any, ...]], ...]


class Slicer:
    """The slices of an evaluation. It numbers the distinct combinations of values as they come.

    Args:
        config: its slicing specs and cross-slicing specs.
    """

    def __init__(self, config: config_pb2.EvalConfig):
        specs = [slicer_lib.SingleSliceSpec(spec=spec) for spec in config.slicing_specs]
        for crossed in config.cross_slicing_specs:
            specs += [slicer_lib.SingleSliceSpec(spec=spec) for spec in (crossed.baseline_spec, *crossed.slicing_specs)]
        self._specs = list(dict.fromkeys(specs)) or [slicer_lib.SingleSliceSpec()]
        self._models = [spec.name for spec in config.model_specs]
        self._numbers: list[dict[_Cell, int]] = [{} for _ in self._specs]
        self._keys: list[list[list[SliceKey]]] = [[] for _ in self._specs]

    def combinations(self, extracts: Mapping[str, Any], rows: int) -> np.ndarray:
        """Of each spec the number of each row's combination of values.

        Args:
            extracts: a batch, as TFMA's extractors return it.
            rows: its number of rows.

        Returns:
            int64 `[rows, specs]`.

        Raises:
            ValueError: a column holds what TFMA cannot slice by.
        """
        numbers = np.zeros((rows, len(self._specs)), np.int64)
        for index, spec in enumerate(self._specs):
            known, keys = self._numbers[index], self._keys[index]
            for row, cell in enumerate(self._cells(spec, extracts, rows)):
                number = known.get(cell)
                if number is None:
                    number = known[cell] = len(keys)
                    keys.append(_keys(spec, cell))
                numbers[row, index] = number
        return numbers

    def rows(self, combinations: np.ndarray) -> Iterator[tuple[SliceKey, np.ndarray]]:
        """The indices of the rows of each slice that has any.

        Args:
            combinations: of all rows, as `combinations` returns them.
        """
        found: dict[SliceKey, list[np.ndarray]] = {}
        for numbers, keys in zip(combinations.T, self._keys, strict=True):
            order = np.argsort(numbers, kind="stable")
            bounds = np.searchsorted(numbers[order], np.arange(len(keys) + 1))
            for number in np.flatnonzero(np.diff(bounds)).tolist():
                for key in keys[number]:
                    found.setdefault(key, []).append(order[bounds[number] : bounds[number + 1]])
        for key, parts in found.items():
            # Two specs may ask for the same slice, which has each row once.
            yield key, parts[0] if len(parts) == 1 else np.unique(np.concatenate(parts))

    def _cells(self, spec: slicer_lib.SingleSliceSpec, extracts: Mapping[str, Any], rows: int) -> Sequence[_Cell]:
        proto = spec.to_proto()
        columns = sorted({*proto.feature_keys, *proto.feature_values})
        cells = [_column(features, name) for name in columns for features in self._sources(extracts, name)]
        return list(zip(*cells, strict=True)) if cells else [()] * rows

    def _sources(self, extracts: Mapping[str, Any], column: str) -> list[Mapping[str, Any]]:
        """Where TFMA looks for a column: in the transformed features of all models, else in the raw ones."""
        transformed = extracts.get(constants.TRANSFORMED_FEATURES_KEY) or {}
        by_model: list[Mapping[str, Any]] = [transformed]
        if len(self._models) > 1:
            by_model = [transformed.get(name) or {} for name in self._models]
        raw = extracts[constants.FEATURES_KEY]
        found: list[Mapping[str, Any]] = [features for features in by_model if features.get(column) is not None]
        return found or ([raw] if raw.get(column) is not None else [])


def _column(features: Mapping[str, Any], name: str) -> list[tuple[str, tuple[Any, ...]]]:
    """Of each row the column's name and values."""
    values = features[name]
    if isinstance(values, np.ndarray):
        return [(name, tuple(row)) for row in values.reshape(len(values), -1).tolist()]
    if isinstance(values, types.RaggedTensorValue):
        flat, bounds = values.values.tolist(), values.nested_row_splits[0].tolist()
        return [(name, tuple(flat[start:end])) for start, end in zip(bounds[:-1], bounds[1:], strict=True)]
    if isinstance(values, types.VarLenTensorValue | types.SparseTensorValue):
        cells: list[list[Any]] = [[] for _ in range(int(values.dense_shape[0]))]
        for row, value in zip(values.indices[:, 0].tolist(), values.values.tolist(), strict=True):
            cells[row].append(value)
        return [(name, tuple(cell)) for cell in cells]
    raise ValueError(f"slices: column {name!r} holds {type(values).__name__}, by which TFMA cannot slice")


def _keys(spec: slicer_lib.SingleSliceSpec, cell: _Cell) -> list[SliceKey]:
    features: dict[str, np.ndarray] = {}
    for column, values in cell:
        array = np.asarray(values, None if values else object)
        features[column] = np.concatenate([features[column], array]) if column in features else array
    return list(slicer_lib.get_slices_for_features_dicts([], features, [spec]))
