"""The ids of the nodes, known without TFX: a wrong one is answered before its import, which takes seconds."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

from pipeline.config.config import Config
from pipeline.config.platform.vertex import Vertex  # part: endpoint
from pipeline.nodes.gates import own_gates

# What waits for little, such as resolvers: TFX runs it as early as it can.
_BESIDE = frozenset(
    {"SchemaGen", "ServedData", "WarmStart", "Baseline", "ServedEvaluation", "Reference", "ReferenceGate"}
)


def nodes(config: Config) -> list[str]:
    """The ids of the nodes that the project's own steps add, in the order of the data's way."""
    return [*_data(config), *_training(config), *_judging(config), *_pushing(config)]


def may_be(node: str, config: Config) -> bool:
    """Whether there may be such a node: one of `nodes`, or one of a gate of your own, whose module then names it."""
    return node in nodes(config) or any(node in source for source in _own_gates())


def comes_before(node: str, other: str, config: Config) -> bool:
    """Whether a node certainly runs before another; both are among `nodes`."""
    order = nodes(config)
    return not {node, other} & _BESIDE and order.index(node) < order.index(other)


def before(node: str, config: Config) -> list[str]:
    """The nodes that certainly run before one of `nodes`."""
    return [other for other in nodes(config) if comes_before(other, node, config)]


def _data(config: Config) -> Iterator[str]:
    if config.platform is not None and config.data.path is not None:
        yield "DataFingerprint"
    yield "ExampleGen"
    yield "StatisticsGen"
    yield "SchemaGen"
    yield "ExampleValidator"
    yield "ServedData"
    yield "DataGate"
    yield "Transform"


def _training(config: Config) -> Iterator[str]:
    if config.trainer.loop.warm_start:
        yield "WarmStart"
    if config.trainer.tuner:  # part: tuner
        yield "Tuner"  # part: tuner
    yield "Trainer"


def _judging(config: Config) -> Iterator[str]:
    gate = config.gates.evaluation
    yield "Baseline"
    yield "Evaluator"
    if gate.reference is not None:
        yield "Reference"
    yield "ServedEvaluation"
    yield "ModelGate"
    if gate.reference is not None and gate.reference_refuse is not None:
        yield "ReferenceGate"
    yield "InfraValidator"
    variants = sorted(config.lite.variants) if config.lite else ()  # part: lite
    for step in ("Export", "Eval", "Gate"):  # part: lite
        yield from (f"Lite{step}_{variant}" for variant in variants)  # part: lite


def _pushing(config: Config) -> Iterator[str]:
    yield "Pusher"
    if config.batch:  # part: batch
        yield "BatchInference"  # part: batch
    if isinstance(config.platform, Vertex) and config.platform.endpoint:  # part: endpoint
        yield "EndpointPusher"  # part: endpoint
    if config.lite:  # part: lite
        yield "LitePusher"  # part: lite


def _own_gates() -> Iterator[str]:
    """The sources of the gates of your own."""
    for name in (*own_gates.BEFORE_TRAINING, *own_gates.BEFORE_PUSH):
        spec = importlib.util.find_spec(f"components.gates.{name}")
        if spec and spec.origin:
            yield Path(spec.origin).read_text()
