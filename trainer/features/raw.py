"""Raw columns as matrices: all scalar columns of a dtype side by side, with one value that stands for a missing one.

A column is missing in a row if the row has no value, an empty text or a NaN, whether the schema calls the column
complete or not; so training and every signature agree on what a missing value is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

import numpy as np
import tensorflow as tf

from trainer.features.dates import calendar
from trainer.features.kind import Typed

Raw = tf.Tensor | tf.SparseTensor


T = TypeVar("T", bound=Typed)

# The value that stands for a missing one, by dtype.
MISSING = {tf.float32: np.nan, tf.int64: np.iinfo(np.int64).min, tf.string: ""}
# Beginning of the names of the matrices in the graph, by which the export feeds them.
MATRIX = "raw_matrix"


class RawColumns:
    """The raw columns that features read.

    Args:
        tensors: raw columns by name, dense ``[batch, n]`` or sparse ``[batch, ?]``.
        scalars: names of those that hold at most one value a row.
    """

    def __init__(self, tensors: Mapping[str, Raw], scalars: Collection[str]):
        self._tensors = tensors
        self._places: dict[str, tuple[tf.DType, int]] = {}
        self._matrices: dict[tf.DType, tf.Tensor] = {}
        self._floats: tf.Tensor | None = None
        for dtype, names in matrix_columns({name: tensors[name] for name in scalars}).items():
            self._matrices[dtype] = tf.identity(stack(tensors, names), name=f"{MATRIX}_{dtype.name}")
            self._places.update({name: (dtype, index) for index, name in enumerate(names)})

    def floats(self, names: Sequence[str]) -> tf.Tensor:
        """Numbers, float64 ``[batch, len(names)]`` and NaN where missing. Integers are exact up to 2**53.

        Raises:
            ValueError: a column holds text.
        """
        matrices = {dtype: matrix for dtype, matrix in self._matrices.items() if dtype in _FLOATS}
        starts = dict(zip(matrices, np.cumsum([0, *map(width, matrices.values())]), strict=False))
        places = [self._places[name] for name in names]
        if any(dtype not in _FLOATS for dtype, _ in places):
            raise ValueError(
                "a column configured as a number holds text; make it a category, or text, or correct the data."
            )
        if self._floats is None:
            # Once for all that read some of them.
            self._floats = joined([_FLOATS[dtype](matrix) for dtype, matrix in matrices.items()])
        return _columns(self._floats, [int(starts[dtype]) + place for dtype, place in places])

    def words(self, names: Sequence[str]) -> tf.Tensor:
        """Text, string ``[batch, len(names)]`` and empty where missing; whole numbers in decimal digits."""
        return self._by_dtype(names, lambda dtype, same: _WORDS[dtype](self._raw(same)))

    def days(self, formats: Mapping[str, str | None]) -> tf.Tensor:
        """Dates as days since 1970, float64 ``[batch, len(formats)]`` and NaN where missing or unreadable.

        Args:
            formats: how each column writes them, see `trainer.features.dates.formats`; None for ISO text, or numbers
                since 1970.
        """

        def days(dtype: tf.DType, names: Sequence[str]) -> tf.Tensor:
            if dtype == tf.string:
                return calendar.days_of_text(self._raw(names))
            return calendar.days_of_epoch(self.floats(names))

        names = list(formats)
        order: list[int] = []
        parts = []
        for given in dict.fromkeys(formats.values()):
            places = [place for place, name in enumerate(names) if formats[name] == given]
            same = [names[place] for place in places]
            order += places
            parts.append(
                calendar.days_of_text(calendar.iso_of_text(self.words(same), given))
                if given
                else self._by_dtype(same, days)
            )
        return _in_order(parts, order)

    def vector(self, name: str, length: int) -> tf.Tensor:
        """A column of ``length`` numbers a row, float64 ``[batch, length]`` and NaN where missing."""
        tensor = self._tensors[name]
        if isinstance(tensor, tf.SparseTensor):
            wide = tf.SparseTensor(tensor.indices, tensor.values, [tensor.dense_shape[0], length])
            tensor = tf.sparse.to_dense(wide, default_value=MISSING[tensor.dtype])
        return tf.ensure_shape(_FLOATS[tensor.dtype](tensor), [None, length])

    def values(self, name: str) -> tf.SparseTensor:
        """All values of a column, string ``[batch, ?]``, without missing ones; whole numbers in decimal digits."""
        if name in self._places:
            words = self.words([name])
            return tf.sparse.from_dense(words)
        tensor = self._tensors[name]
        column = tf.RaggedTensor.from_sparse(tensor) if isinstance(tensor, tf.SparseTensor) else tensor
        # A columnar request cannot tell an empty text in a list from padding, so it is none in an example either.
        there = tf.ragged.boolean_mask(column, tf.ragged.map_flat_values(is_present, column))
        words = there if there.dtype == tf.string else tf.ragged.map_flat_values(tf.strings.as_string, there)
        return words.to_sparse()

    def tensor(self, name: str) -> Raw:
        """A column as it is."""
        return self._tensors[name]

    def _raw(self, names: Sequence[str]) -> tf.Tensor:
        """Columns of one dtype."""
        return _columns(self._matrices[self._places[names[0]][0]], [self._places[name][1] for name in names])

    def _by_dtype(self, names: Sequence[str], part: Callable[[tf.DType, Sequence[str]], tf.Tensor]) -> tf.Tensor:
        """The columns in the order of ``names``; ``part`` yields those of a dtype."""
        order: list[int] = []
        parts = []
        for dtype in self._matrices:
            places = [place for place, name in enumerate(names) if self._places[name][0] == dtype]
            if places:
                order += places
                parts.append(part(dtype, [names[place] for place in places]))
        return _in_order(parts, order)


def _in_order(parts: Sequence[tf.Tensor], order: Sequence[int]) -> tf.Tensor:
    """Columns side by side; ``order`` says the place of each."""
    return _columns(joined(parts), [int(index) for index in np.argsort(order)])


def joined(parts: Sequence[tf.Tensor]) -> tf.Tensor:
    """Matrices side by side."""
    return tf.concat(parts, axis=1) if len(parts) > 1 else parts[0]


def is_present(values: tf.Tensor) -> tf.Tensor:
    """Whether each value is there, bool of the same shape."""
    return tf.logical_not(tf.math.is_nan(values)) if values.dtype == tf.float32 else values != MISSING[values.dtype]


def without_missing(values: tf.Tensor) -> tf.SparseTensor:
    """A dense column ``[batch, n]`` without the values that stand for missing ones."""
    indices = tf.where(is_present(values))
    return tf.SparseTensor(indices, tf.gather_nd(values, indices), tf.shape(values, out_type=tf.int64))


def width(matrix: tf.Tensor) -> int:
    """The number of columns of a matrix, which is always known."""
    return int(matrix.shape[1] or 0)


def matrix_columns(columns: Mapping[str, T]) -> dict[tf.DType, list[str]]:
    """The names of the columns of each dtype's matrix, in their order; ``columns`` are tensors or specs by name."""
    found: dict[tf.DType, list[str]] = {}
    for name in sorted(columns):
        found.setdefault(columns[name].dtype, []).append(name)
    return found


def stack(columns: Mapping[str, Raw], names: Sequence[str]) -> tf.Tensor:
    """Columns of one dtype as a matrix ``[batch, len(names)]``: a join of all dense and one of all sparse columns.

    Args:
        columns: dense ``[batch, 1]`` or sparse ``[batch, ?]``.
        names: the columns to join.

    Raises:
        tf.errors.InvalidArgumentError: a row holds more than one value in a sparse column.
    """
    dense: dict[str, tf.Tensor] = {}
    sparse: dict[str, tf.SparseTensor] = {}
    for name in names:
        column = columns[name]
        if isinstance(column, tf.SparseTensor):
            sparse[name] = column
        else:
            dense[name] = column if column.shape[1:] == [1] else tf.reshape(column, [-1, 1])
    parts = [*dense.values(), *([_stack_sparse(sparse)] if sparse else [])]
    matrix = joined(parts)
    places = {name: place for place, name in enumerate([*dense, *sparse])}
    order = [places[name] for name in names]
    return _columns(matrix, order)


def _stack_sparse(columns: Mapping[str, tf.SparseTensor]) -> tf.Tensor:
    parts = _single_valued(columns.values())
    joined = tf.sparse.concat(axis=1, sp_inputs=parts) if len(parts) > 1 else parts[0]
    matrix = tf.sparse.to_dense(joined, default_value=MISSING[joined.dtype], validate_indices=False)
    matrix.set_shape([None, len(parts)])
    return matrix


def _single_valued(columns: Collection[tf.SparseTensor]) -> list[tf.SparseTensor]:
    """The columns in one shape, ``[batch, 1]``."""
    shapes = tf.stack([column.dense_shape for column in columns])
    # A second value of a row would silently become the value of the next column. So a width of 2 has no entry here;
    # an assertion would be a dependency of all lookups, which TensorFlow keeps in order.
    width = tf.gather(tf.constant([1, 1], tf.int64), tf.reduce_max(shapes[:, 1]))
    shape = tf.stack([shapes[0, 0], width])
    return [tf.SparseTensor(column.indices, column.values, shape) for column in columns]


def _columns(matrix: tf.Tensor, indices: Sequence[int]) -> tf.Tensor:
    """Columns of a matrix by index."""
    if list(indices) == list(range(width(matrix))):
        return matrix
    return tf.gather(matrix, list(indices), axis=1)


def _as_floats(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(values, tf.float64)


def _ints_as_floats(values: tf.Tensor) -> tf.Tensor:
    missing = tf.constant(np.nan, tf.float64)
    return tf.where(tf.equal(values, MISSING[tf.int64]), missing, tf.cast(values, tf.float64))


def _ints_as_words(values: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.equal(values, MISSING[tf.int64]), "", tf.strings.as_string(values))


def whole_words(values: tf.Tensor) -> tf.Tensor:
    """Whole numbers, floats of any shape, in decimal digits; NaN is missing and becomes empty."""
    known = tf.where(tf.math.is_nan(values), tf.constant(0, values.dtype), values)
    return tf.where(tf.math.is_nan(values), "", tf.strings.as_string(tf.cast(known, tf.int64)))


_FLOATS = {tf.float32: _as_floats, tf.int64: _ints_as_floats}
_WORDS = {tf.float32: whole_words, tf.int64: _ints_as_words, tf.string: tf.identity}
