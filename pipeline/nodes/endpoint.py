"""The node that deploys the pushed model to a Vertex endpoint, where the platform has one."""

from __future__ import annotations

from components.vertex.endpoint.pusher import EndpointPusher
from pipeline.config.platform.vertex import Vertex
from pipeline.nodes.graph import Graph


def add_endpoint(graph: Graph) -> None:
    """EndpointPusher, where ``platform.endpoint`` asks for it; it runs after the Pusher."""
    platform = graph.config.platform
    if not isinstance(platform, Vertex) or platform.endpoint is None:
        return
    pusher = EndpointPusher(
        pushed_model=graph.output("Pusher.pushed_model"),
        options=platform.endpoint.model_dump_json(),
        project=platform.project,
        region=platform.region,
        model_name=graph.config.serving.model_name,
        encryption_key=platform.encryption_key or "",
    )
    graph.add(pusher, uncached=True)
