"""The JSON lines that benchmarks print."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence


def line(what: str, *, ours: Sequence[float], peer: Sequence[float], unit: str, **more: object) -> str:
    """One JSON line: medians and spreads of interleaved repeats, and the ratio of the medians, ours over the peer's.

    Args:
        what: what was measured.
        ours: our figure of each repeat.
        peer: the peer's figure of each repeat.
        unit: unit of the figures.
        more: further fields of the line.
    """
    middle_ours, middle_peer = statistics.median(ours), statistics.median(peer)
    return json.dumps(
        {
            "what": what,
            "ours": round(middle_ours, 4),
            "peer": round(middle_peer, 4),
            "ratio": round(middle_ours / middle_peer, 4),
            "unit": unit,
            "repeats": len(ours),
            "ours_spread": [round(min(ours), 4), round(max(ours), 4)],
            "peer_spread": [round(min(peer), 4), round(max(peer), 4)],
            **more,
        }
    )
