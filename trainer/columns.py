"""Transformed examples, decoded once: in memory where they fit, else in a file on local disk that is mapped.

Decoding dominates a step when it is repeated every epoch (tfx_bsl's dataset spends four fifths of a taxi step
there). Here every example is parsed once, in large blocks. All features of one dtype stand side by side in one
matrix, so that a batch is one gather per dtype rather than one per feature.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import tensorflow as tf

_ROWS_PER_PARSE = 8192

Matrices = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Column:
    """Where a feature lies.

    Attributes:
        matrix: the dtype's name, by which its matrix is known.
        start: its first column in the matrix; it takes ``prod(shape)`` columns.
        shape: of one example, such as ``(1,)`` or ``(8, 8, 1)``.
    """

    matrix: str
    start: int
    shape: tuple[int, ...]

    @property
    def width(self) -> int:
        """How many columns it takes."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Layout:
    """Where every feature lies."""

    columns: Mapping[str, Column]

    @classmethod
    def of(cls, feature_spec: Mapping[str, tf.io.FixedLenFeature]) -> Layout:
        """Lay out the features of a parsing spec.

        Raises:
            ValueError: a feature is neither a number nor of fixed length.
        """
        widths: dict[str, int] = {}
        columns = {}
        for name, spec in sorted(feature_spec.items()):
            if not isinstance(spec, tf.io.FixedLenFeature) or spec.dtype == tf.string:
                raise ValueError(
                    f"transformed feature {name!r} is {spec}: the trainer reads numbers of a fixed length; "
                    "make it one in preprocessing_fn."
                )
            matrix, shape = spec.dtype.name, tuple(spec.shape)
            columns[name] = Column(matrix=matrix, start=widths.get(matrix, 0), shape=shape)
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
            parts.setdefault(column.matrix, []).append(tf.reshape(features[name], [-1, column.width]))
        return {matrix: tf.concat(columns, axis=1) for matrix, columns in parts.items()}

    def unpack(self, matrices: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The inverse of `pack`."""
        return {
            name: tf.reshape(
                matrices[column.matrix][:, column.start : column.start + column.width], [-1, *column.shape]
            )
            for name, column in self.columns.items()
        }


class MappedMatrix:
    """A matrix in a file, of which never more than a bound is resident.

    Every row that is taken pulls in the page it lies on. What was touched is counted, and before it can exceed the
    bound the pages are given back; the operating system keeps them cached for as long as it has memory to spare.

    Args:
        file: raw numbers, row by row.
        dtype: of the numbers.
        width: numbers per row.
        resident_bytes: the bound.
    """

    def __init__(self, file: Path, *, dtype: str, width: int, resident_bytes: int):
        with file.open("rb") as stream:
            self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        self._map.madvise(mmap.MADV_RANDOM)
        self._rows = np.frombuffer(self._map, dtype=np.dtype(dtype)).reshape(-1, width)
        self._resident_bytes = resident_bytes
        self._touched = 0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def row_bytes(self) -> int:
        """The size of one row."""
        return self._rows.shape[1] * self._rows.itemsize

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Rows by index, ``[*indices.shape, width]``."""
        pages = indices.size * (mmap.PAGESIZE + self.row_bytes)
        if self._touched + pages > self._resident_bytes:
            self._map.madvise(mmap.MADV_DONTNEED)
            self._touched = 0
        self._touched += pages
        return np.take(self._rows, indices, axis=0)


class ArrayMatrix:
    """A matrix in memory.

    Args:
        rows: ``[rows, width]``.
    """

    def __init__(self, rows: np.ndarray):
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def row_bytes(self) -> int:
        """The size of one row."""
        return self._rows.shape[1] * self._rows.itemsize

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Rows by index, ``[*indices.shape, width]``."""
        return np.take(self._rows, indices, axis=0)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """A split, decoded.

    Attributes:
        layout: where each feature lies.
        matrices: ``[rows, width]`` by dtype.
        rows: the number of examples.
    """

    layout: Layout
    matrices: Mapping[str, ArrayMatrix | MappedMatrix]
    rows: int

    @classmethod
    def from_arrays(cls, features: Mapping[str, np.ndarray]) -> Columns:
        """Columns of arrays ``[rows, *shape]``, the label among them."""
        spec = {name: tf.io.FixedLenFeature(array.shape[1:], array.dtype) for name, array in features.items()}
        layout = Layout.of(spec)
        packed = layout.pack({name: tf.constant(array) for name, array in features.items()})
        matrices = {name: ArrayMatrix(matrix.numpy()) for name, matrix in packed.items()}
        return cls(layout=layout, matrices=matrices, rows=len(next(iter(matrices.values()))))

    @property
    def in_memory(self) -> bool:
        """Whether the matrices are arrays, not maps of files."""
        return all(isinstance(matrix, ArrayMatrix) for matrix in self.matrices.values())

    @property
    def row_bytes(self) -> int:
        """The size of one decoded example."""
        return sum(matrix.row_bytes for matrix in self.matrices.values())

    def take(self, indices: np.ndarray) -> Matrices:
        """Rows by index, as matrices of shape ``[*indices.shape, width]``."""
        return {name: matrix.take(indices) for name, matrix in self.matrices.items()}


def read_columns(
    files: Sequence[str], feature_spec: Mapping[str, tf.io.FixedLenFeature], *, memory_bytes: int, scratch: str
) -> Columns:
    """Decode gzipped TFRecord files of transformed tf.Examples.

    Args:
        files: paths or patterns, as TFX hands them to the trainer.
        feature_spec: of the transformed features, the label included.
        memory_bytes: splits whose decoded size is larger go to a file.
        scratch: a folder on local disk for that file.

    Raises:
        ValueError: no file matches, the files hold no example, or a feature cannot be decoded.
    """
    paths = sorted(path for pattern in files for path in tf.io.gfile.glob(pattern))
    if not paths:
        raise ValueError(f"no transformed examples at {list(files)}: run the Transform node first.")
    layout = Layout.of(feature_spec)
    store = _Store(widths=layout.widths(), memory_bytes=memory_bytes, scratch=Path(scratch))
    try:
        rows = 0
        for block in _blocks(paths, feature_spec, layout):
            store.append(block)
            rows += len(next(iter(block.values())))
    except tf.errors.OpError as error:
        raise ValueError(f"the transformed examples at {list(files)} cannot be decoded: {error.message}") from None
    finally:
        store.close()
    if not rows:
        raise ValueError(f"the transformed examples at {list(files)} are empty.")
    return Columns(layout=layout, matrices=store.finish(), rows=rows)


def _blocks(
    paths: Sequence[str], feature_spec: Mapping[str, tf.io.FixedLenFeature], layout: Layout
) -> Iterator[Matrices]:
    spec = dict(feature_spec)
    records = tf.data.TFRecordDataset(paths, compression_type="GZIP").batch(_ROWS_PER_PARSE)
    parsed = records.map(
        lambda batch: layout.pack(tf.io.parse_example(batch, spec)), num_parallel_calls=tf.data.AUTOTUNE
    )
    yield from parsed.prefetch(1).as_numpy_iterator()


class _Store:
    """Collects blocks of rows in memory and, once they are too large, in one file per dtype.

    Args:
        widths: the number of columns by dtype.
        memory_bytes: how much stays in memory. Joining the blocks takes as much again for a moment, so files are used
            from half of it on.
        scratch: the folder of the files.
    """

    def __init__(self, *, widths: Mapping[str, int], memory_bytes: int, scratch: Path):
        self._widths = widths
        self._memory_bytes = memory_bytes
        self._scratch = scratch
        self._blocks: list[Matrices] = []
        self._bytes = 0
        self._files: dict[str, IO[bytes]] = {}

    def append(self, block: Matrices) -> None:
        """Add rows."""
        self._blocks.append(block)
        self._bytes += sum(matrix.nbytes for matrix in block.values())
        if self._files or 2 * self._bytes > self._memory_bytes:
            self._spill()

    def finish(self) -> dict[str, ArrayMatrix | MappedMatrix]:
        """All rows as one matrix per dtype; there is at least one row."""
        if not self._files:
            return {
                name: ArrayMatrix(np.concatenate([block.pop(name) for block in self._blocks])) for name in self._widths
            }
        self.close()
        resident_bytes = self._memory_bytes // len(self._files)
        return {
            name: MappedMatrix(Path(file.name), dtype=name, width=self._widths[name], resident_bytes=resident_bytes)
            for name, file in self._files.items()
        }

    def close(self) -> None:
        """Close the files; what was written stays."""
        for file in self._files.values():
            file.close()

    def _spill(self) -> None:
        if not self._files:
            self._scratch.mkdir(parents=True, exist_ok=True)
            self._files = {name: (self._scratch / f"{name}.bin").open("wb") for name in self._widths}
        for block in self._blocks:
            for name, matrix in block.items():
                matrix.tofile(self._files[name])
        self._blocks.clear()
