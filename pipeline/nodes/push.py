"""The push to the serving folder, which only a model that passed every gate reaches."""

from __future__ import annotations

from typing import Any

from components.push.pusher import Pusher
from pipeline.nodes.graph import Graph


def add_push(graph: Graph) -> None:
    """Pusher."""
    # Here, ML Metadata leads to them.
    records: dict[str, Any] = {}
    if graph.places.champion:
        records = {
            "statistics": graph.output("StatisticsGen.statistics"),
            "profile": graph.output("DataGate.notices"),
            "evaluation": graph.output("Evaluator.evaluation"),
        }
    pusher = Pusher(
        model=graph.output("Trainer.model"),
        model_blessing=graph.output("ModelGate.verdict"),
        infra_blessing=graph.output("InfraValidator.blessing"),
        base_directory=graph.places.serving,
        champion=graph.places.champion or "",
        **records,
    )
    for node in graph.before_push:
        pusher.add_upstream_node(node)
    graph.add(pusher, gate=True)
