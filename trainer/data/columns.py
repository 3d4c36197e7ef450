"""Transformed examples, decoded once: in memory if they fit, else in mapped files on local disk.

Decoding dominates a step when it is repeated every epoch (tfx_bsl's dataset spends four fifths of a taxi step on it).
Here every example is parsed once, in large blocks. One matrix holds all features of a dtype, so that a batch is one
gather per dtype rather than one per feature.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from trainer.data import specs
from trainer.data.storage import ArrayMatrix, MappedMatrix, Matrices, Store

if TYPE_CHECKING:
    from trainer.data.specs import FeatureSpecs

_ROWS_PER_PARSE = 8192


@dataclass(frozen=True, kw_only=True)
class MatrixColumns:
    """The place of a feature in the matrices.

    Attributes:
        dtype: the feature's dtype.
        matrix: the dtype, and so the key, of the matrix that holds the feature.
        start: int, its first column in the matrix; it takes ``prod(shape)`` columns.
        shape: shape of one example, such as ``(1,)`` or ``(8, 8, 1)``.
    """

    dtype: str
    matrix: str
    start: int
    shape: tuple[int, ...]

    @property
    def width(self) -> int:
        """The number of columns that it takes."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class MatrixLayout:
    """The places of all features."""

    columns: Mapping[str, MatrixColumns]

    @classmethod
    def of(cls, feature_spec: FeatureSpecs, *, narrow: bool = False) -> MatrixLayout:
        """Lay out the features of a parsing spec.

        Args:
            feature_spec: parsing spec by feature.
            narrow: whether to store int64 features as int32; `overflows` tells whether their values allow it.

        Raises:
            ValueError: a feature is text or has no fixed length.
        """
        widths: dict[str, int] = {}
        columns = {}
        for name, spec in sorted(feature_spec.items()):
            if not isinstance(spec, tf.io.FixedLenFeature) or spec.dtype == tf.string:
                raise ValueError(
                    f"transformed feature {name!r} is {spec}: the trainer reads fixed-length numbers only; "
                    "convert it in preprocessing_fn."
                )
            dtype, shape = tf.as_dtype(spec.dtype).name, specs.row_shape(spec)
            matrix = "int32" if narrow and dtype == "int64" else dtype
            columns[name] = MatrixColumns(dtype=dtype, matrix=matrix, start=widths.get(matrix, 0), shape=shape)
            widths[matrix] = widths.get(matrix, 0) + columns[name].width
        return cls(columns)

    def widths(self) -> dict[str, int]:
        """The number of columns of each matrix."""
        totals: dict[str, int] = {}
        for column in self.columns.values():
            totals[column.matrix] = totals.get(column.matrix, 0) + column.width
        return totals

    def pack(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Features ``[rows, *shape]`` to one matrix ``[rows, width]`` per dtype."""
        parts: dict[str, list[tf.Tensor]] = {}
        for name, column in self.columns.items():
            values = tf.cast(features[name], column.matrix)
            parts.setdefault(column.matrix, []).append(tf.reshape(values, [-1, column.width]))
        return {matrix: tf.concat(columns, axis=1) for matrix, columns in parts.items()}

    def unpack(self, matrices: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The inverse of `pack`."""
        found = {}
        for name, column in self.columns.items():
            values = matrices[column.matrix][:, column.start : column.start + column.width]
            found[name] = tf.cast(tf.reshape(values, [-1, *column.shape]), column.dtype)
        return found

    def overflows(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Whether a value does not fit into its matrix, a bool scalar."""
        lossy = [
            tf.reduce_any(tf.cast(tf.cast(features[name], column.matrix), column.dtype) != features[name])
            for name, column in self.columns.items()
            if column.matrix != column.dtype
        ]
        return tf.reduce_any(lossy)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """A split, decoded.

    Attributes:
        layout: the places of the features.
        matrices: ``[rows, width]`` by dtype.
        rows: int, number of examples.
    """

    layout: MatrixLayout
    matrices: Mapping[str, ArrayMatrix]
    rows: int

    @classmethod
    def from_arrays(cls, features: Mapping[str, np.ndarray]) -> Columns:
        """Columns of arrays ``[rows, *shape]``, including the label."""
        spec = {name: tf.io.FixedLenFeature(array.shape[1:], array.dtype) for name, array in features.items()}
        layout = MatrixLayout.of(spec)
        packed = layout.pack({name: tf.constant(array) for name, array in features.items()})
        matrices = {name: ArrayMatrix(matrix.numpy()) for name, matrix in packed.items()}
        return cls(layout=layout, matrices=matrices, rows=len(next(iter(matrices.values()))))

    @property
    def in_memory(self) -> bool:
        """Whether the matrices are arrays rather than mapped files."""
        return not any(isinstance(matrix, MappedMatrix) for matrix in self.matrices.values())

    @property
    def row_bytes(self) -> int:
        """The size of one decoded example in bytes."""
        return sum(matrix.row_bytes for matrix in self.matrices.values())

    def take(self, indices: np.ndarray) -> Matrices:
        """Rows by index, as matrices of shape ``[*indices.shape, width]``."""
        return {name: matrix.take(indices) for name, matrix in self.matrices.items()}


def read_columns(files: Sequence[str], feature_spec: FeatureSpecs, *, memory_bytes: int, scratch: str) -> Columns:
    """Decode gzipped TFRecord files of transformed tf.Examples.

    Args:
        files: paths or patterns, as TFX passes them to the trainer.
        feature_spec: parsing spec by transformed feature, including the label.
        memory_bytes: int, the largest decoded size that is kept in memory; larger splits go to files.
        scratch: path of a folder on local disk for these files.

    Raises:
        ValueError: no file matches, the files hold no example, or a feature cannot be decoded.
    """
    paths = sorted(path for pattern in files for path in tf.io.gfile.glob(pattern))
    if not paths:
        raise ValueError(f"no transformed examples at {list(files)}: run the Transform node first.")
    try:
        # Ids rarely need more than 32 bits, and gathering a batch is twice as fast.
        try:
            columns = _read(paths, feature_spec, narrow=True, memory_bytes=memory_bytes, scratch=Path(scratch))
        except _Overflow:
            columns = _read(paths, feature_spec, narrow=False, memory_bytes=memory_bytes, scratch=Path(scratch))
    except tf.errors.OpError as error:
        raise ValueError(f"the transformed examples at {list(files)} cannot be decoded: {error.message}") from None
    if not columns.rows:
        raise ValueError(f"the transformed examples at {list(files)} are empty.")
    return columns


class _Overflow(Exception):
    """A value does not fit into a narrow layout."""


def _read(
    paths: Sequence[str],
    feature_spec: FeatureSpecs,
    *,
    narrow: bool,
    memory_bytes: int,
    scratch: Path,
) -> Columns:
    layout = MatrixLayout.of(feature_spec, narrow=narrow)
    store = Store(widths=layout.widths(), memory_bytes=memory_bytes, scratch=scratch)
    rows = 0
    try:
        for overflows, block in _blocks(paths, feature_spec, layout):
            if overflows:
                raise _Overflow
            store.append(block)
            rows += len(next(iter(block.values())))
    finally:
        store.close()
    return Columns(layout=layout, matrices=store.finish() if rows else {}, rows=rows)


def _blocks(paths: Sequence[str], feature_spec: FeatureSpecs, layout: MatrixLayout) -> Iterator[tuple[bool, Matrices]]:
    def decode(batch: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        features = specs.parse(batch, feature_spec)
        return layout.overflows(features), layout.pack(features)

    records = tf.data.TFRecordDataset(paths, compression_type="GZIP").batch(_ROWS_PER_PARSE)
    decoded: Any = records.map(decode, num_parallel_calls=tf.data.AUTOTUNE).prefetch(1)
    yield from decoded.as_numpy_iterator()
