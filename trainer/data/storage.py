"""Storage of decoded rows: in memory, or in mapped files on local disk."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

Matrices = dict[str, np.ndarray]


class ArrayMatrix:
    """A matrix in memory.

    Args:
        rows: array ``[rows, width]``.
    """

    def __init__(self, rows: np.ndarray):
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def row_bytes(self) -> int:
        """The size of one row in bytes."""
        return self._rows.shape[1] * self._rows.itemsize

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Rows by index, ``[*indices.shape, width]``."""
        return np.take(self._rows, indices, axis=0)


class MappedMatrix(ArrayMatrix):
    """A matrix in a file, with a limit on its resident memory.

    Every row that is read pulls in its page. The pages are counted and released before they exceed the limit; the
    operating system keeps them cached as long as it has memory to spare.

    Args:
        file: raw numbers, row by row.
        dtype: dtype of the numbers.
        width: int, numbers per row.
        resident_bytes: int, the limit.
    """

    def __init__(self, file: Path, *, dtype: str, width: int, resident_bytes: int):
        with file.open("rb") as stream:
            self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        self._map.madvise(mmap.MADV_RANDOM)
        super().__init__(np.frombuffer(self._map, dtype=np.dtype(dtype)).reshape(-1, width))
        self._resident_bytes = resident_bytes
        self._touched = 0

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Rows by index, ``[*indices.shape, width]``."""
        pages = indices.size * (mmap.PAGESIZE + self.row_bytes)
        if self._touched + pages > self._resident_bytes:
            self._map.madvise(mmap.MADV_DONTNEED)
            self._touched = 0
        self._touched += pages
        return super().take(indices)


class Store:
    """Collects blocks of rows in memory or, once they are too large, in one file per dtype.

    Args:
        widths: number of columns by dtype.
        memory_bytes: int, the memory limit. Joining the blocks briefly doubles their size, so files are used above half
            of it.
        scratch: folder of the files.
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

    def finish(self) -> dict[str, ArrayMatrix]:
        """Return all rows as one matrix per dtype; there must be at least one row."""
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
        """Close the files without deleting them."""
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
