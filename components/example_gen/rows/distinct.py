"""How many different rows there are, in constant memory.

Rows are counted by a hash of their bytes. Once there are too many hashes, only those in a half of all hashes are kept,
then in a quarter and so on: a sample of the different rows with all of their copies. Up to that number, the count is
exact but for rows with equal hashes of 64 bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pandas.core.util.hashing import hash_array

# 1 MB for hashes and counts; the share of repeated rows is then known to half a percent.
_MOST = 2**16


class DistinctRows:
    """The hashes of rows, and how often each occurred.

    The result does not depend on the order in which rows are added or counts are merged.

    Args:
        most: how many hashes are kept.
    """

    def __init__(self, most: int = _MOST):
        self._most, self._shift = most, 0
        self._hashes, self._counts = np.zeros(0, np.uint64), np.zeros(0, np.int64)
        self._pending: list[np.ndarray] = []

    def add(self, rows: Sequence[bytes]) -> None:
        """Count serialized rows."""
        if not rows:
            return
        hashes = hash_array(np.array(rows, object), categorize=False)
        self._pending.append(self._kept(hashes))
        if sum(map(len, self._pending)) >= self._most:
            self._merge()

    def merge(self, other: DistinctRows) -> None:
        """Add the rows that another one has counted."""
        other._merge()
        self._merge()
        self._shift = max(self._shift, other._shift)
        self._combine(np.concatenate([self._hashes, other._hashes]), np.concatenate([self._counts, other._counts]))

    def estimate(self, rows: int) -> int:
        """The number of different rows among all rows, of which there are ``rows``."""
        self._merge()
        counted = int(self._counts.sum())
        return round(rows * len(self._hashes) / counted) if counted else 0

    def _merge(self) -> None:
        new = np.concatenate(self._pending) if self._pending else np.zeros(0, np.uint64)
        self._pending = []
        self._combine(np.concatenate([self._hashes, new]), np.concatenate([self._counts, np.ones(len(new), np.int64)]))

    def _combine(self, hashes: np.ndarray, counts: np.ndarray) -> None:
        while True:
            kept = self._in_sample(hashes)
            self._hashes, places = np.unique(hashes[kept], return_inverse=True)
            self._counts = np.bincount(places, weights=counts[kept], minlength=len(self._hashes)).astype(np.int64)
            if len(self._hashes) <= self._most:
                return
            hashes, counts, self._shift = self._hashes, self._counts, self._shift + 1

    def _kept(self, hashes: np.ndarray) -> np.ndarray:
        return hashes[self._in_sample(hashes)] if self._shift else hashes

    def _in_sample(self, hashes: np.ndarray) -> np.ndarray:
        return hashes & np.uint64((1 << self._shift) - 1) == 0
