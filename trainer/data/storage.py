"""Where decoded rows are kept: in memory, or in files on local disk that are mapped."""

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


class MappedMatrix(ArrayMatrix):
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

    def finish(self) -> dict[str, ArrayMatrix]:
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
