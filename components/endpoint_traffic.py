"""How an endpoint's traffic is split when one more model is deployed."""

from __future__ import annotations

from collections.abc import Mapping

# Vertex puts the id of what is being deployed in its place.
NEW = "0"


def traffic_split(before: Mapping[str, int], *, percent: int) -> dict[str, int]:
    """The new model's share, and the rest in the proportions of ``before``; whole numbers that add up to 100.

    Args:
        before: percents by the id of what is deployed; empty gives the new model everything.
        percent: the new model's share.
    """
    served = {name: share for name, share in before.items() if share > 0}
    if not served:
        return {NEW: 100}
    rest, total = 100 - percent, sum(served.values())
    split = {name: share * rest // total for name, share in served.items()}
    # Who lost most by rounding down gets the percents that are left.
    losers = sorted(served, key=lambda name: (-(served[name] * rest % total), name))
    for name in losers[: rest - sum(split.values())]:
        split[name] += 1
    return {NEW: percent, **{name: share for name, share in split.items() if share}}
