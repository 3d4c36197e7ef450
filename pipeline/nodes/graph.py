"""The DAG under construction: each step connects its nodes to those before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from tfx.dsl.components.base.base_node import BaseNode
from tfx.types.channel import OutputChannel

from pipeline.config.config import Config
from pipeline.nodes.places import Places, places

_Node = TypeVar("_Node", bound=BaseNode)


class Graph(Mapping[str, BaseNode]):
    """The nodes so far, by their ids, in the order of the data's way.

    Args:
        config: the pipeline.
        bless_anyway: why this run pushes a model that ModelGate or ReferenceGate would refuse; empty to refuse.

    Attributes:
        config: the pipeline.
        bless_anyway: see above.
        places: paths and URIs of the pipeline.
        gates: ids of the nodes that refuse by ending the run.
        uncached: ids of the nodes that decide or act, and run in every run.
        before_push: nodes that the push waits for, though it reads none of their outputs.
    """

    def __init__(self, config: Config, *, bless_anyway: str = ""):
        self.config = config
        self.bless_anyway = bless_anyway
        self.places: Places = places(config)
        self.gates: list[str] = []
        self.uncached: list[str] = []
        self.before_push: list[BaseNode] = []
        self._nodes: dict[str, BaseNode] = {}

    def add(self, node: _Node, *, gate: bool = False, uncached: bool | None = None) -> _Node:
        """Add a node, and return it.

        Args:
            node: the node; its inputs come from nodes that were added before it.
            gate: whether it refuses by ending the run.
            uncached: whether it never comes from the cache; None means that only a gate never does.
        """
        self._nodes[node.id] = node
        if gate:
            self.gates.append(node.id)
        if gate if uncached is None else uncached:
            self.uncached.append(node.id)
        return node

    def output(self, name: str) -> OutputChannel:
        """An output of a node, such as ``StatisticsGen.statistics``."""
        node, _, key = name.partition(".")
        return self._nodes[node].outputs[key]

    def __getitem__(self, node: str) -> BaseNode:
        return self._nodes[node]

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)
