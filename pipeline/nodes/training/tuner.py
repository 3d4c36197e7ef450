"""The search for hyperparameters before the training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfx.components.tuner.component import Tuner

from pipeline.config.model import model_module
from pipeline.nodes.graph import Graph
from trainer.tuning.search import SEARCH_KEY


def add_tuner(graph: Graph, *, inputs: Mapping[str, Any], custom_config: Mapping[str, str]) -> dict[str, Any]:
    """Tuner, where ``trainer.tuner`` asks for it.

    Args:
        graph: the DAG so far.
        inputs: the Trainer's inputs, which the Tuner gets as well.
        custom_config: the Tuner's custom_config without the search itself.

    Returns:
        Additional inputs of the Trainer.
    """
    search = graph.config.trainer.tuner
    if search is None:
        return {}
    tuner = Tuner(
        tuner_fn=graph.config.trainer.tuner_fn,
        custom_config={**custom_config, SEARCH_KEY: search.model_dump_json()},
        **inputs,
    )
    graph.add(tuner)
    return {"hyperparameters": tuner.outputs["best_hyperparameters"]}


def searched_modules(graph: Graph) -> set[str]:
    """The modules of the networks that the search may build."""
    search = graph.config.trainer.tuner
    names = search.space.get("model.name") if search else None
    points = names.points() if names else None
    return {model_module(str(name)) for name in points or ()}
