"""Rows of the training split that are held back, so that whatever is chosen by them has not been learnt from them."""

from __future__ import annotations

import numpy as np

from trainer.data.columns import Columns
from trainer.data.storage import ArrayMatrix

# Beside the seeds of the epochs' orders (`trainer.data.batches`), which are numbered from 0.
_STREAM = 2**62


def hold_back(columns: Columns, *, share: float, seed: int) -> tuple[Columns, Columns]:
    """Split a split into rows to train on and rows held back.

    Number of rows, share and seed decide which ones, so all processes and a resumed training hold back the same.

    Args:
        columns: the split.
        share: of the rows to hold back, in (0, 1); at least one row.
        seed: int, seed of the choice.

    Raises:
        ValueError: no row would be left to train on.
    """
    count = max(1, round(share * columns.rows))
    if count >= columns.rows:
        raise ValueError(f"validation: {share:g} of {columns.rows} rows of train leaves none to train on.")
    order = np.random.Generator(np.random.Philox(key=[seed, _STREAM])).permutation(columns.rows)
    # In the order of the files: an evaluation reads them from first to last.
    return _rows(columns, np.sort(order[count:])), _rows(columns, np.sort(order[:count]))


def _rows(columns: Columns, indices: np.ndarray) -> Columns:
    matrices = {name: _Rows(matrix, indices) for name, matrix in columns.matrices.items()}
    return Columns(layout=columns.layout, matrices=matrices, rows=len(indices))


class _Rows(ArrayMatrix):
    """Some rows of a matrix, without a copy.

    Args:
        matrix: the matrix, in memory or in a file.
        indices: the rows.
    """

    def __init__(self, matrix: ArrayMatrix, indices: np.ndarray):
        self._matrix = matrix
        self._indices = indices

    def __len__(self) -> int:
        return len(self._indices)

    @property
    def row_bytes(self) -> int:
        """The size of one row in bytes."""
        return self._matrix.row_bytes

    def take(self, indices: np.ndarray) -> np.ndarray:
        """Rows by index, ``[*indices.shape, width]``."""
        return self._matrix.take(self._indices[indices])
