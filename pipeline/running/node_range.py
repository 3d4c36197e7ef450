"""``--from`` and ``--to``: which part of the DAG runs, and on which results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.config.loading import ConfigError
from pipeline.running import metadata

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import RunOptions


def run_options(
    nodes: Sequence[str], source: metadata.Source, *, from_node: str | None, to_node: str | None
) -> RunOptions | None:
    """TFX's options for a part of the DAG; None for all of it.

    A part starts from the last run and no older one: otherwise ``--to Trainer`` and then ``--from Evaluator`` would
    judge the model before the last.

    Args:
        nodes: all node ids, in order.
        source: ML Metadata of the earlier runs; a file may be missing.
        from_node: the first node to run.
        to_node: the last node to run.

    Raises:
        ConfigError: there is no such node, the last run did not reach the part's first node, or its output is damaged.
    """
    from tfx.orchestration.pipeline import RunOptions

    from pipeline.running.artifact_files import damage

    for node in filter(None, (from_node, to_node)):
        if node not in nodes:
            raise ConfigError(f"there is no node {node!r}; the nodes are {', '.join(nodes)}.")
    to_nodes = [to_node] if to_node else None
    if not from_node:
        return RunOptions(to_nodes=to_nodes) if to_nodes else None
    if to_node and nodes.index(to_node) < nodes.index(from_node):
        raise ConfigError(f"--to {to_node} comes before --from {from_node}; swap them.")
    last = metadata.last_run(source)
    if last is None:
        raise ConfigError(f"--from {from_node}: there is no earlier run to start from; run once without --from.")
    store, run = last
    earlier = nodes[: nodes.index(from_node)]
    missing = metadata.first_not_done(store, run, earlier)
    if missing:
        raise ConfigError(f"--from {from_node}: the last run did not finish {missing}; start with --from {missing}.")
    for (node, key), artifact in metadata.output_artifacts(store, run_id=run.name).items():
        if node in earlier and (words := damage(artifact)):
            raise ConfigError(f"--from {from_node}: {key} of {node} is damaged: {words}; start with --from {node}.")
    return RunOptions(from_nodes=[from_node], to_nodes=to_nodes, base_pipeline_run_id=run.name)
