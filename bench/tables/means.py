"""Means over the lines of tables."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

YARDSTICK = "HistGradientBoosting"


def means(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The error over the yardstick's and over that of the best peer of each table, in the mean.

    Args:
        lines: of `bench.tables`, one a table; at least one.
    """
    ratios = [line["ratio"][YARDSTICK] for line in lines]
    # The largest ratio is that to the best peer.
    best = [max(line["ratio"].values()) for line in lines]
    return {
        "tables": len(lines),
        "ratio": round(statistics.mean(ratios), 4),
        "median": round(statistics.median(ratios), 4),
        "worst": max(ratios),
        "better": round(sum(ratio < 1 for ratio in ratios) / len(ratios), 3),
        "ratio_to_best_peer": round(statistics.mean(best), 4),
        "peer": YARDSTICK,
    }
