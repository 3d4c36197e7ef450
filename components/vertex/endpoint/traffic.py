"""The split of an endpoint's traffic when another model is deployed."""

from __future__ import annotations

from collections.abc import Mapping

# Vertex replaces it with the id of the model that is being deployed.
NEW = "0"


def traffic_split(before: Mapping[str, int], *, percent: int) -> dict[str, int]:
    """The new model's share; the model with the largest share before gets the rest, and all others get nothing.

    So at most two models have traffic, and a model that never had the larger share does not get it by accident.

    Args:
        before: percent of each deployed model by its id, oldest first; the newest of equal shares wins. If no model has
            traffic, the new one gets all of it.
        percent: percent of the new model.
    """
    largest = max(before.values(), default=0)
    if not largest or percent == 100:
        return {NEW: 100}
    main = [name for name, share in before.items() if share == largest][-1]
    return {NEW: percent, main: 100 - percent}
