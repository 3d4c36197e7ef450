"""The node that deploys the pushed model to a Vertex endpoint, where the platform has one."""

from __future__ import annotations

from tfx.dsl.components.base.base_component import BaseComponent

from pipeline.config.config import Config

ENDPOINT_PUSHER = "EndpointPusher"


def endpoint_nodes(config: Config, pusher: BaseComponent) -> list[BaseComponent]:
    """The node, or none.

    Args:
        config: its ``platform`` decides.
        pusher: runs only if every gate passed.
    """
    endpoint = getattr(config.platform, "endpoint", None)
    if endpoint is None:
        return []
    from components.vertex.endpoint.pusher import EndpointPusher

    return [
        EndpointPusher(
            pushed_model=pusher.outputs["pushed_model"],
            options=endpoint.model_dump_json(),
            project=config.platform.project,
            region=config.platform.region,
            model_name=config.serving.model_name,
            encryption_key=config.platform.encryption_key or "",
        )
    ]
