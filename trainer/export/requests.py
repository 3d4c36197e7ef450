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
        self._kinds = _kinds(columns)
        self._lengths = {
            name: column.options.values_per_row(text=raw_spec[name].dtype == tf.string)
            for column in columns
            for name in column.sources
        }

    def parse(self, examples: tf.Tensor, *, more: Collection[str] = ()) -> dict[str, Raw]:
        """Columns of serialized tf.Examples, string ``[batch]``; ``more`` names columns beyond those of a request."""
        names = [*self.names, *(name for name in more if name not in self.names)]
        columns = specs.parse(examples, {name: self._spec(name) for name in names})
        for name in names:
            length = self._lengths.get(name) or 1
            if length > 1 and isinstance(columns[name], tf.SparseTensor):
                columns[name] = _of_length(columns[name], length, name)
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
        """What each column holds in the file: its kinds, and whether it may be missing; for the model's metadata."""
        required = {
            name
            for name in self.names
            if name not in self.scalars and isinstance(self._raw_spec[name], tf.io.FixedLenFeature)
        }
        return {
            name: f"{self._kinds.get(name, 'column')}{', required' if name in required else ''}" for name in self.names
        }

    def columns(self, tensors: Mapping[str, tf.Tensor]) -> dict[str, Raw]:
        """Columns of a columnar request, in which `MISSING` stands for a missing value."""
        found: dict[str, Raw] = {}
        for name in self.names:
            values, spec = tensors[name], self._raw_spec[name]
            shape = self._shape(name)
            sizes = [size for size in shape if size is not None]
            if sizes and len(sizes) == len(shape):
                values = _shaped(values, sizes, name)
            if name in self.scalars:
                found[name] = tf.reshape(values, [-1, 1])
            elif isinstance(spec, tf.io.FixedLenFeature):
                found[name] = _complete(values, specs.row_shape(spec), name)
            else:
                found[name] = values if shape else tf.expand_dims(values, 1)
        return found

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


def _kinds(columns: Collection[Column]) -> dict[str, str]:
    """The kinds of each raw column, such as ``number`` or ``category, cross``."""
    found: dict[str, dict[str, None]] = {}
    for column in columns:
        for name in column.sources:
            found.setdefault(name, {})[column.options.kind] = None
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
    """The values ``[batch, *shape]``; a row may lack some of them, but not all."""
    message = [tf.constant(f"{name!r} is missing in a row")]
    rows = tf.reshape(is_present(values), [-1, math.prod(shape)])
    complete = tf.reduce_all(tf.reduce_any(rows, axis=1))
    rows_of_shape = tf.reshape(values, [-1, *shape])
    # A reshape would not do: TensorFlow joins it with the next one, and the check is no longer waited for.
    with tf.control_dependencies([tf.raw_ops.Assert(condition=complete, data=message)]):
        return tf.identity(rows_of_shape)
