"""The node whose output is the champion, the model that was pushed last: a resolver here, a component on a platform.

Kubeflow Pipelines runs no resolvers, and Vertex only two of TFX's, neither of which finds the pushed model (see
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
    node: str, *, champion: str | None, enabled: bool = True, candidate: Channel | None = None, file: str = ""
) -> BaseNode:
    """A node whose output ``model`` is the model that was pushed last.

    Args:
        node: the node's ID.
        champion: folder of the champion; None looks it up in ML Metadata.
        enabled: False outputs no model.
        candidate: a model that is never returned, even if it was pushed last.
        file: path of a file that the model must have, from its folder.
    """
    if champion is not None:
        return Champion(folder=champion, enabled=int(enabled)).with_id(node)
    inputs = {"candidate": candidate} if candidate else {}
    return Resolver(
        strategy_class=LatestPushedModelStrategy,
        config={"enabled": enabled, "file": file},
        model=Channel(type=ModelArtifact),
        pushed_model=Channel(type=PushedModel),
        **inputs,
    ).with_id(node)
