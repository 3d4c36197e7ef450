"""What a request may hold: raw columns as serialized tf.Examples or as one tensor each."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from trainer.data import specs
from trainer.features.kind import Column
from trainer.features.raw import MISSING, Raw, is_present

if TYPE_CHECKING:
    from trainer.data.specs import FeatureSpecs


class RequestParser:
    """The raw columns that a model reads.

    A column of one value a row may be missing: it becomes what its kind documents, whatever the training data were.

    Args:
        raw_spec: parsing specs of Transform's inputs.
        served: names of the columns that a request holds.
        scalars: names of those that hold at most one value a row and may be missing.
        columns: the configured features, for the lengths of lists.
    """

    def __init__(
        self, raw_spec: FeatureSpecs, *, served: Collection[str], scalars: Collection[str], columns: Collection[Column]
    ):
        self._raw_spec = raw_spec
        self.names = tuple(sorted(served))
        self.scalars = frozenset(scalars)
        self._kinds = _kinds(columns, raw_spec)
        self._lengths = {
            name: column.options.values_per_row(text=raw_spec[name].dtype == tf.string)
            for column in columns
            for name in column.sources
        }

    def parse(self, examples: tf.Tensor, *, more: Collection[str] = ()) -> dict[str, Raw]:
        """Columns of serialized tf.Examples, string ``[batch]``; ``more`` names columns beyond those of a request.

        An empty text, or NaN alone, is no value: where the training data had one in each row, it is refused by name.
        """
        names = [*self.names, *(name for name in more if name not in self.names)]
        columns = specs.parse(examples, {name: self._spec(name) for name in names})
        for name in names:
            length = self._lengths.get(name) or 1
            if length > 1 and isinstance(columns[name], tf.SparseTensor):
                columns[name] = _whole_rows(_of_length(columns[name], length, name), length, name)
        for name in self.names:
            if self._is_required(name):
                columns[name] = _complete(columns[name], specs.row_shape(self._raw_spec[name]), name)
        return columns

    def signature(self) -> list[tf.TensorSpec]:
        """The tensors of a columnar request in the order of `names`: ``[batch]``, or ``[batch, n]`` for lists.

        They are named by number, since a column's name may hold characters that TensorFlow does not allow.
        """
        return [
            tf.TensorSpec([None, *self._shape(name)], self._raw_spec[name].dtype, name=f"column_{index}")
            for index, name in enumerate(self.names)
        ]

    def takes(self) -> dict[str, str]:
        """What each column holds in the file: kinds, formats of dates, and whether it may be missing; for metadata."""
        return {
            name: f"{self._kinds.get(name, 'column')}{', required' if self._is_required(name) else ''}"
            for name in self.names
        }

    def columns(self, tensors: Mapping[str, tf.Tensor]) -> dict[str, Raw]:
        """Columns of a columnar request, in which `MISSING` stands for a missing value."""
        found: dict[str, Raw] = {}
        for name in self.names:
            values, spec = tensors[name], self._raw_spec[name]
            shape = self._shape(name)
            sizes = [size for size in shape if size is not None]
            if sizes and sizes == shape:
                values = _shaped(values, sizes, name)
            if name in self.scalars:
                found[name] = tf.reshape(values, [-1, 1])
            elif self._is_required(name):
                found[name] = _complete(values, specs.row_shape(spec), name)
            elif shape:
                found[name] = _all_or_none(values, name) if sizes == shape else values
            else:
                found[name] = tf.expand_dims(values, 1)
        return found

    def _is_required(self, name: str) -> bool:
        """Whether each row has to have the column, as in training."""
        return name not in self.scalars and isinstance(self._raw_spec[name], tf.io.FixedLenFeature)

    def _spec(self, name: str) -> Any:
        spec = self._raw_spec[name]
        if name not in self.scalars:
            return spec
        # So TensorFlow refuses two values in a row by the feature's name, and sparse columns would cost a request more
        # than the network. A feature with a kind and no value is refused, too.
        return tf.io.FixedLenFeature([1], spec.dtype, default_value=[MISSING[tf.as_dtype(spec.dtype)]])

    def _shape(self, name: str) -> list[int | None]:
        """The shape of a row."""
        spec = self._raw_spec[name]
        if name in self.scalars:
            return []
        if isinstance(spec, tf.io.FixedLenFeature):
            shape = specs.row_shape(spec)
            return [] if math.prod(shape) == 1 else list(shape)
        length = self._lengths.get(name, 1)
        return [] if length == 1 else [length]


def _kinds(columns: Collection[Column], raw_spec: FeatureSpecs) -> dict[str, str]:
    """What each raw column holds, such as ``number``, ``category, cross`` or ``date "%d.%m.%Y"``."""
    found: dict[str, dict[str, None]] = {}
    for column in columns:
        for name, options in column.readings:
            kinds = found.setdefault(name, {})
            text = raw_spec[name].dtype == tf.string
            # A cross reads some of its columns as another kind would.
            for each in (column.options, options):
                kinds[each.holds(text=text)] = None
    return {name: ", ".join(kinds) for name, kinds in found.items()}


def _of_length(column: tf.SparseTensor, length: int, name: str) -> tf.SparseTensor:
    """The column, each row of which has ``length`` values or none."""
    places = column.indices[:, 1]
    ends = tf.math.count_nonzero(tf.equal(places, length - 1))
    full = tf.equal(ends * length, tf.size(places, tf.int64)) & (column.dense_shape[1] <= length)
    message = [tf.constant(f"a row does not hold {length} values in: {name!r}")]
    with tf.control_dependencies([tf.raw_ops.Assert(condition=full, data=message)]):
        return tf.SparseTensor(column.indices, column.values, tf.identity(column.dense_shape))


def _shaped(values: tf.Tensor, shape: list[int], name: str) -> tf.Tensor:
    """The values ``[batch, *shape]``; a later reshape would make other rows of them."""
    sent = tf.shape(values)
    # Ended by -1 like the wanted one, so that shapes of another rank can be compared as well.
    ended = tf.concat([sent, tf.fill([len(shape) + 1], -1)], axis=0)[1 : len(shape) + 2]
    message = [tf.constant(f"a row does not hold values of shape {shape} in: {name!r}")]
    fits = tf.reduce_all(tf.equal(ended, tf.constant([*shape, -1])))
    with tf.control_dependencies([tf.raw_ops.Assert(condition=fits, data=message)]):
        return tf.identity(values)


def _complete(values: tf.Tensor, shape: tuple[int, ...], name: str) -> tf.Tensor:
    """The values ``[batch, *shape]``, none of which is missing; of texts, a row may lack some, but not all."""
    is_text = values.dtype == tf.string
    message = [tf.constant(f"{name!r} is missing in a row" + ("" if math.prod(shape) == 1 else ", or a value of it"))]
    rows = tf.reshape(is_present(values), [-1, math.prod(shape)])
    complete = tf.reduce_all(tf.reduce_any(rows, axis=1) if is_text else rows)
    rows_of_shape = tf.reshape(values, [-1, *shape])
    # A reshape would not do: TensorFlow joins it with the next one, and the check is no longer waited for.
    with tf.control_dependencies([tf.raw_ops.Assert(condition=complete, data=message)]):
        return tf.identity(rows_of_shape)


def _all_or_none(values: tf.Tensor, name: str) -> tf.Tensor:
    """The values ``[batch, n]``; a row of numbers is there or missing as a whole, as ingest wants it in the data."""
    if values.dtype == tf.string:
        return values
    with tf.control_dependencies([_is_whole(values, name)]):
        return tf.identity(values)


def _whole_rows(column: tf.SparseTensor, length: int, name: str) -> tf.SparseTensor:
    """The column, which `_all_or_none` has nothing against."""
    if column.dtype == tf.string:
        return column
    wide = tf.SparseTensor(column.indices, column.values, tf.stack([column.dense_shape[0], length]))
    dense = tf.sparse.to_dense(wide, default_value=MISSING[column.dtype])
    with tf.control_dependencies([_is_whole(dense, name)]):
        return tf.SparseTensor(column.indices, column.values, tf.identity(column.dense_shape))


def _is_whole(values: tf.Tensor, name: str) -> tf.Operation:
    rows = is_present(values)
    whole = tf.reduce_all(tf.equal(tf.reduce_any(rows, axis=1), tf.reduce_all(rows, axis=1)))
    message = [tf.constant(f"a row lacks some of its values in: {name!r}")]
    return tf.raw_ops.Assert(condition=whole, data=message)
