"""Which rows belong to which slice, asked of TFMA once for each distinct combination of values."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.api import types
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.slicer import slicer_lib

# As TFMA has it: (("column", value), ...), empty for all rows.
SliceKey = slicer_lib.SliceKeyType

# Of one row the names and values of a spec's columns.
_Cell = tuple[tuple[str, tuple[Any, ...]], ...]


class _Column(NamedTuple):
    """A column of a batch.

    Attributes:
        name: its name.
        distinct: the values that rows have, each a tuple of as many as a row has.
        of_row: int64 `[rows]`, which of them.
    """

    name: str
    distinct: tuple[tuple[Any, ...], ...]
    of_row: np.ndarray


class Slicer:
    """The slices of an evaluation. It numbers the distinct combinations of values as they come.

    Args:
        config: its slicing specs and cross-slicing specs.
        edges: by column, where numbers are divided into buckets, ascending; others are sliced value by value.
    """

    def __init__(self, config: config_pb2.EvalConfig, edges: Mapping[str, Sequence[float]] | None = None):
        self._edges = edges or {}
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
        columns: dict[str, list[_Column]] = {}
        for index, spec in enumerate(self._specs):
            known, keys = self._numbers[index], self._keys[index]
            cells, of_row = _combined(self._columns(spec, extracts, columns), rows)
            of_cell = np.zeros(len(cells), np.int64)
            for place, cell in enumerate(cells):
                number = known.get(cell)
                if number is None:
                    number = known[cell] = len(keys)
                    keys.append(_keys(spec, cell))
                of_cell[place] = number
            numbers[:, index] = of_cell[of_row]
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

    def _columns(
        self, spec: slicer_lib.SingleSliceSpec, extracts: Mapping[str, Any], known: dict[str, list[_Column]]
    ) -> list[_Column]:
        """What a spec slices by; ``known`` keeps the columns of a batch, which several specs may name."""
        proto, found = spec.to_proto(), []
        for name in sorted({*proto.feature_keys, *proto.feature_values}):
            if name not in known:
                sources = self._sources(extracts, name)
                known[name] = [_column(name, source[name], self._edges.get(name)) for source in sources]
            found += known[name]
        return found

    def _sources(self, extracts: Mapping[str, Any], column: str) -> list[Mapping[str, Any]]:
        """Where TFMA looks for a column: in the transformed features of all models, else in the raw ones."""
        transformed = extracts.get(constants.TRANSFORMED_FEATURES_KEY) or {}
        by_model: list[Mapping[str, Any]] = [transformed]
        if len(self._models) > 1:
            by_model = [transformed.get(name) or {} for name in self._models]
        raw = extracts[constants.FEATURES_KEY]
        found: list[Mapping[str, Any]] = [features for features in by_model if features.get(column) is not None]
        return found or ([raw] if raw.get(column) is not None else [])


def _combined(columns: Sequence[_Column], rows: int) -> tuple[list[_Cell], np.ndarray]:
    """The distinct combinations of values, and which each row has."""
    if not columns:
        return [()], np.zeros(rows, np.int64)
    if len(columns) == 1:
        [column] = columns
        return [((column.name, values),) for values in column.distinct], column.of_row
    distinct, of_row = np.unique(np.stack([column.of_row for column in columns], 1), axis=0, return_inverse=True)
    cells = [
        tuple((column.name, column.distinct[code]) for column, code in zip(columns, codes, strict=True))
        for codes in distinct.tolist()
    ]
    return cells, of_row.reshape(-1)


def _column(name: str, values: Any, edges: Sequence[float] | None) -> _Column:
    column = _distinct(name, values)
    if edges is None:
        return column
    return _Column(name, tuple(_buckets(found, edges) for found in column.distinct), column.of_row)


def _distinct(name: str, values: Any) -> _Column:
    """The distinct values of a column, and which each row has; a row may have none, or several."""
    if isinstance(values, np.ndarray):
        flat = values.reshape(len(values), -1)
        return _one_each(name, flat[:, 0]) if flat.shape[1] == 1 else _any(name, map(tuple, flat.tolist()))
    if isinstance(values, types.RaggedTensorValue):
        held, bounds = values.values.tolist(), values.nested_row_splits[0].tolist()
        return _any(name, (tuple(held[start:end]) for start, end in itertools.pairwise(bounds)))
    if isinstance(values, types.VarLenTensorValue | types.SparseTensorValue):
        rows, owners = int(values.dense_shape[0]), values.indices[:, 0]
        if len(np.unique(owners)) == len(owners):
            some = _one_each(name, values.values)
            of_row = np.zeros(rows, np.int64)
            of_row[owners] = some.of_row + 1
            return _Column(name, ((), *some.distinct), of_row)
        cells: list[list[Any]] = [[] for _ in range(rows)]
        for row, value in zip(owners.tolist(), values.values.tolist(), strict=True):
            cells[row].append(value)
        return _any(name, map(tuple, cells))
    raise ValueError(f"slices: column {name!r} holds {type(values).__name__}, by which TFMA cannot slice")


def _one_each(name: str, values: np.ndarray) -> _Column:
    distinct, of_row = np.unique(values, return_inverse=True)
    return _Column(name, tuple((value,) for value in distinct.tolist()), of_row.reshape(-1))


def _any(name: str, cells: Iterable[tuple[Any, ...]]) -> _Column:
    places: dict[tuple[Any, ...], int] = {}
    of_row = [places.setdefault(cell, len(places)) for cell in cells]
    return _Column(name, tuple(places), np.asarray(of_row, np.int64))


def _buckets(values: tuple[Any, ...], edges: Sequence[float]) -> tuple[str, ...]:
    """The names of the buckets that numbers are in; NaN is in none."""
    names = (f"below {edges[0]:g}", *(f"{low:g} to {high:g}" for low, high in itertools.pairwise(edges)))
    names = (*names, f"{edges[-1]:g} or more")
    return tuple(dict.fromkeys(names[bisect.bisect(edges, value)] for value in values if value == value))


def _keys(spec: slicer_lib.SingleSliceSpec, cell: _Cell) -> list[SliceKey]:
    features: dict[str, np.ndarray] = {}
    for column, values in cell:
        array = np.asarray(values, None if values else object)
        features[column] = np.concatenate([features[column], array]) if column in features else array
    return list(slicer_lib.get_slices_for_features_dicts([], features, [spec]))
