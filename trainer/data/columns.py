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

# What is parsed at a time: rows, and bytes of them.
_ROWS_PER_PARSE, _BYTES_PER_PARSE = 8192, 64 * 2**20


@dataclass(frozen=True, kw_only=True)
class MatrixColumns:
    """The place of a feature in the matrices.

    Attributes:
        dtype: the feature's dtype.
        matrix: the dtype, and so the key, of the matrix that holds the feature.
        start: int, its first column in the matrix; it takes ``prod(shape)`` columns.
        shape: shape of one example, such as ``(1,)`` or ``(8, 8, 1)``.
        scale: what a float is multiplied by to become the whole number that the matrix holds; 1 holds values as they
            are.
    """

    dtype: str
    matrix: str
    start: int
    shape: tuple[int, ...]
    scale: float = 1.0

    @property
    def width(self) -> int:
        """The number of columns that it takes."""
        return math.prod(self.shape)

    def packed(self, values: tf.Tensor) -> tf.Tensor:
        """Values of any shape as the matrix holds them."""
        return tf.cast(values if self.scale == 1 else tf.round(values * self.scale), self.matrix)

    def unpacked(self, values: tf.Tensor) -> tf.Tensor:
        """The inverse of `packed`."""
        found = tf.cast(values, self.dtype)
        return found if self.scale == 1 else found / self.scale


@dataclass(frozen=True)
class MatrixLayout:
    """The places of all features."""

    columns: Mapping[str, MatrixColumns]

    @classmethod
    def of(
        cls, feature_spec: FeatureSpecs, *, narrow: bool = False, pixels: Mapping[str, float] | None = None
    ) -> MatrixLayout:
        """Lay out the features of a parsing spec.

        Args:
            feature_spec: parsing spec by feature.
            narrow: whether to store int64 features as int32; `overflows` tells whether their values allow it.
            pixels: float32 features to store as uint8, with what the pixels of a file were divided by; `overflows`
                tells whether their values allow it.

        Raises:
            ValueError: a feature is text or has no fixed length.
        """
        widths: dict[str, int] = {}
        columns, scales = {}, pixels or {}
        for name, spec in sorted(feature_spec.items()):
            if not isinstance(spec, tf.io.FixedLenFeature) or spec.dtype == tf.string:
                raise ValueError(
                    f"transformed feature {name!r} is {spec}: the trainer reads fixed-length numbers only; "
                    "convert it in preprocessing_fn."
                )
            dtype, shape = tf.as_dtype(spec.dtype).name, specs.row_shape(spec)
            matrix = "int32" if narrow and dtype == "int64" else "uint8" if name in scales else dtype
            start, scale = widths.get(matrix, 0), scales.get(name, 1.0)
            columns[name] = MatrixColumns(dtype=dtype, matrix=matrix, start=start, shape=shape, scale=scale)
            widths[matrix] = widths.get(matrix, 0) + columns[name].width
        return cls(columns)

    @property
    def picture_sides(self) -> tuple[int, ...]:
        """The heights and widths of all pictures."""
        return tuple(side for column in self.columns.values() if len(column.shape) == 3 for side in column.shape[:2])

    def widths(self) -> dict[str, int]:
        """The number of columns of each matrix."""
        totals: dict[str, int] = {}
        for column in self.columns.values():
            totals[column.matrix] = totals.get(column.matrix, 0) + column.width
        return totals

    @property
    def unpacked_row_bytes(self) -> int:
        """The size of one example in bytes, as a network gets it."""
        return sum(column.width * tf.as_dtype(column.dtype).size for column in self.columns.values())

    def pack(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Features ``[rows, *shape]`` to one matrix ``[rows, width]`` per dtype."""
        parts: dict[str, list[tf.Tensor]] = {}
        for name, column in self.columns.items():
            values = column.packed(features[name])
            parts.setdefault(column.matrix, []).append(tf.reshape(values, [-1, column.width]))
        return {matrix: tf.concat(columns, axis=1) for matrix, columns in parts.items()}

    def unpack(self, matrices: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The inverse of `pack`."""
        found = {}
        for name, column in self.columns.items():
            values = matrices[column.matrix][:, column.start : column.start + column.width]
            found[name] = column.unpacked(tf.reshape(values, [-1, *column.shape]))
        return found

    def overflows(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Whether a value does not fit into its matrix, a bool scalar."""
        lossy = [
            tf.reduce_any(column.unpacked(column.packed(features[name])) != features[name])
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


def read_columns(
    files: Sequence[str],
    feature_spec: FeatureSpecs,
    *,
    memory_bytes: int,
    scratch: str,
    pixels: Mapping[str, float] | None = None,
) -> Columns:
    """Decode gzipped TFRecord files of transformed tf.Examples.

    Args:
        files: paths or patterns, as TFX passes them to the trainer.
        feature_spec: parsing spec by transformed feature, including the label.
        memory_bytes: int, the largest decoded size that is kept in memory; larger splits go to files.
        scratch: path of a folder on local disk for these files.
        pixels: pictures among the features, with what the pixels of a file were divided by.

    Raises:
        ValueError: no file matches, the files hold no example, or a feature cannot be decoded.
    """
    paths = sorted(path for pattern in files for path in tf.io.gfile.glob(pattern))
    if not paths:
        raise ValueError(f"no transformed examples at {list(files)}: run the Transform node first.")
    try:
        for layout in _layouts(feature_spec, pixels):
            columns = _read(paths, feature_spec, layout, memory_bytes=memory_bytes, scratch=Path(scratch))
            if columns is None:
                continue
            if not columns.rows:
                raise ValueError(f"the transformed examples at {list(files)} are empty.")
            return columns
    except tf.errors.OpError as error:
        raise ValueError(f"the transformed examples at {list(files)} cannot be decoded: {error.message}") from None
    raise AssertionError("the last layout holds all values")


def _layouts(feature_spec: FeatureSpecs, pixels: Mapping[str, float] | None) -> Iterator[MatrixLayout]:
    """The layouts to try, the smallest first: ids rarely need more than 32 bits, and pixels of files 8."""
    for scales in ([pixels] if pixels else []) + [None]:
        for narrow in (True, False):
            yield MatrixLayout.of(feature_spec, narrow=narrow, pixels=scales)


def _read(
    paths: Sequence[str], feature_spec: FeatureSpecs, layout: MatrixLayout, *, memory_bytes: int, scratch: Path
) -> Columns | None:
    """The rows; None if a value does not fit into the layout."""
    store = Store(widths=layout.widths(), memory_bytes=memory_bytes, scratch=scratch)
    rows = 0
    try:
        for overflows, block in _blocks(paths, feature_spec, layout):
            if overflows:
                return None
            store.append(block)
            rows += len(next(iter(block.values())))
    finally:
        store.close()
    return Columns(layout=layout, matrices=store.finish() if rows else {}, rows=rows)


def _blocks(paths: Sequence[str], feature_spec: FeatureSpecs, layout: MatrixLayout) -> Iterator[tuple[bool, Matrices]]:
    @tf.autograph.experimental.do_not_convert
    def decode(batch: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        features = specs.parse(batch, feature_spec)
        return layout.overflows(features), layout.pack(features)

    rows = min(_ROWS_PER_PARSE, max(1, _BYTES_PER_PARSE // layout.unpacked_row_bytes))
    records = tf.data.TFRecordDataset(paths, compression_type="GZIP").batch(rows)
    decoded: Any = records.map(decode, num_parallel_calls=tf.data.AUTOTUNE).prefetch(1)
    yield from decoded.as_numpy_iterator()
