"""Gates of your own: each is one module in ``components/gates`` and one line here.

The module defines ``node(outputs)``, which returns a node that raises `components.refusal.GateRefused` to refuse.
``outputs`` is a function: ``outputs("StatisticsGen.statistics")`` is the channel of an earlier node.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.nodes.graph import Graph

# What they see: ExampleGen, StatisticsGen, SchemaGen, ExampleValidator.
BEFORE_TRAINING: tuple[str, ...] = ()
# What they see: all the above, Transform, Trainer, Baseline, Evaluator, ModelGate, InfraValidator.
BEFORE_PUSH: tuple[str, ...] = ()


def add(graph: Graph, modules: Iterable[str]) -> list[str]:
    """Add the gates of these modules, and return the ids of their nodes."""
    added = []
    for name in modules:
        module = importlib.import_module(f"components.gates.{name}")
        added.append(graph.add(module.node(graph.output), gate=True).id)
    return added
