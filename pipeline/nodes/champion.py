"""The node that yields the model that was pushed last: a resolver here, a component on a platform.

Kubeflow Pipelines runs no resolver, and Vertex knows two of TFX's only, neither of which takes the pushed model (see
`components.push.champion`).
"""

from __future__ import annotations

from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.types.channel import Channel
from tfx.types.standard_artifacts import Model as ModelArtifact
from tfx.types.standard_artifacts import PushedModel

from components.push.champion import LatestPushedModelStrategy
from components.push.champion_folder import Champion

BASELINE = "Baseline"
WARM_START = "WarmStart"


def champion_node(
    node: str, *, champion: str | None, enabled: bool = True, candidate: Channel | None = None
) -> BaseNode:
    """A node whose output ``model`` is the model that was pushed last.

    Args:
        node: its id.
        champion: the folder that keeps that model; None asks ML Metadata.
        enabled: False yields no model, whatever was pushed.
        candidate: a model that must not be the answer, even if it is the same one again.
    """
    if champion is not None:
        return Champion(folder=champion, enabled=int(enabled)).with_id(node)
    inputs = {"candidate": candidate} if candidate else {}
    return Resolver(
        strategy_class=LatestPushedModelStrategy,
        config={"enabled": enabled},
        model=Channel(type=ModelArtifact),
        pushed_model=Channel(type=PushedModel),
        **inputs,
    ).with_id(node)
