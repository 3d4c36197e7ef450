"""How an endpoint's traffic is split when one more model is deployed."""

from __future__ import annotations

from collections.abc import Mapping

# Vertex puts the id of what is being deployed in its place.
NEW = "0"


def traffic_split(before: Mapping[str, int], *, percent: int) -> dict[str, int]:
    """The new model's share, and all the rest for the one that had the largest; every other former one gets nothing.

    So at most two models have traffic, and a model that was never given the larger share does not get it by the next
    deployment.

    Args:
        before: percents by the id of what is deployed, the last deployed at the end, which wins where shares are equal;
            where nobody has traffic, the new model gets everything.
        percent: the new model's share.
    """
    largest = max(before.values(), default=0)
    if not largest or percent == 100:
        return {NEW: 100}
    main = [name for name, share in before.items() if share == largest][-1]
    return {NEW: percent, main: 100 - percent}
