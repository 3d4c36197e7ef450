"""Poisson bootstrap: how often each row is drawn in each replicate, decided by a hash of the row.

A row is drawn as often on every engine, in every order and at every batch size; equal rows are drawn together.
"""

from __future__ import annotations

import math

import numpy as np

# TFMA's number, where a config asks for intervals and no more.
REPLICATES = 20

# P(X <= k) of a Poisson distribution with mean 1, up to where it is 1 to the last bit.
_CUMULATIVE = np.cumsum([math.exp(-1) / math.factorial(k) for k in range(18)])
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def counts(hashes: np.ndarray | None, rows: int, replicates: int = REPLICATES) -> np.ndarray:
    """How often each row counts: once in the sample itself, then in each replicate.

    Args:
        hashes: uint64 `[rows]`; None for the sample alone.
        rows: the number of rows.
        replicates: the number of replicates.

    Returns:
        float64 `[rows, 1]`, or `[rows, 1 + replicates]`.
    """
    once = np.ones((rows, 1))
    if hashes is None:
        return once
    return np.hstack([once, *(_draw(hashes, replicate)[:, None] for replicate in range(replicates))])


def _draw(hashes: np.ndarray, replicate: int) -> np.ndarray:
    key = _mix(np.array([replicate + 1], np.uint64) * _GOLDEN)
    uniform = (_mix(hashes ^ key) >> np.uint64(11)) * 2.0**-53
    return np.searchsorted(_CUMULATIVE, uniform, side="right").astype(np.float64)


def _mix(values: np.ndarray) -> np.ndarray:
    """The finalizer of SplitMix64 (Steele, Lea and Flood, 2014), in arithmetic modulo 2^64."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
