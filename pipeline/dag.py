"""The DAG: from data to the serving folder, through every gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tfx.orchestration.pipeline import Pipeline

from pipeline.config.config import Config
from pipeline.nodes import names
from pipeline.nodes.batch import add_batch  # part: batch
from pipeline.nodes.data import add_transform, add_validated_examples
from pipeline.nodes.endpoint import add_endpoint  # part: endpoint
from pipeline.nodes.gates.evaluation import add_evaluation, add_infra_validation
from pipeline.nodes.graph import Graph
from pipeline.nodes.lite import add_lite, add_lite_push  # part: lite
from pipeline.nodes.push import add_push
from pipeline.nodes.training.trainer import add_training
from pipeline.running.metadata import connection_to

# The way of the data. Each step adds its nodes; one that the configuration does not ask for adds none.
_STEPS: tuple[Callable[[Graph], None], ...] = (
    add_validated_examples,
    add_transform,
    add_training,
    add_evaluation,
    add_infra_validation,
    add_lite,  # part: lite
    add_push,
    add_lite_push,  # part: lite
    add_endpoint,  # part: endpoint
    add_batch,  # part: batch
)


@dataclass(frozen=True, kw_only=True)
class Dag:
    """A pipeline, and what is special about its nodes.

    Attributes:
        pipeline: ready to run or to compile.
        gates: ids of the nodes that refuse by ending the run.
        uncached: ids of the nodes that decide or act, and never come from the cache.
    """

    pipeline: Pipeline
    gates: frozenset[str]
    uncached: frozenset[str]


def nodes(config: Config, *, bless_anyway: str = "") -> Graph:
    """The nodes of the pipeline that ``config`` describes; see `Graph`."""
    graph = Graph(config, bless_anyway=bless_anyway)
    for step in _STEPS:
        step(graph)
    for node in graph:
        if not names.may_be(node, config):
            raise ValueError(f"pipeline/nodes/names.py lacks {node}, so that --from and --to would refuse it; add it.")
    return graph


def build(config: Config, *, bless_anyway: str = "") -> Dag:
    """The pipeline that ``config`` describes; nothing runs yet. See `Graph`."""
    graph = nodes(config, bless_anyway=bless_anyway)
    pipeline = Pipeline(
        pipeline_name=config.name,
        pipeline_root=graph.places.artifacts,
        components=list(graph.values()),
        enable_cache=config.cache,
        # A platform has its own metadata, and compiling writes nothing here.
        metadata_connection_config=None if config.platform else connection_to(config.metadata_source),
        beam_pipeline_args=[*config.beam.arguments()],
    )
    return Dag(pipeline=pipeline, gates=frozenset(graph.gates), uncached=frozenset(graph.uncached))
