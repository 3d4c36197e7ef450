"""``--from`` and ``--to``: which part of the DAG runs, and on which results."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ml_metadata import errors

from components.messages import did_you_mean
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.nodes import names
from pipeline.running import metadata

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import RunOptions


def check(config: Config, *, from_node: str | None, to_node: str | None) -> None:
    """What can be said about a part without TFX, whose import takes seconds; `run_options` says the rest.

    Args:
        config: the pipeline.
        from_node: the first node to run.
        to_node: the last node to run.

    Raises:
        ConfigError: there is no such node, or the part is empty or has nothing to start from.
    """
    for flag, node in (("--from", from_node), ("--to", to_node)):
        if node is not None and not names.may_be(node, config):
            raise ConfigError(f"{flag} {_unknown(node, names.nodes(config))}")
    known = names.nodes(config)
    if from_node in known and to_node in known and names.comes_before(to_node, from_node, config):
        raise ConfigError(_swapped(from_node, to_node))
    if from_node is None:
        return
    if not config.run_folder.exists():
        raise ConfigError(_nothing_before(from_node))
    # A missing or damaged database is rebuilt from the artifacts before the run.
    if from_node in known and config.metadata_source.exists():
        with suppress(errors.StatusError):
            last = metadata.last_run(config.metadata_source)
            missing = metadata.first_not_done(*last, names.before(from_node, config)) if last else None
            if missing:
                raise ConfigError(_unfinished(from_node, missing))


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

    for flag, node in (("--from", from_node), ("--to", to_node)):
        if node is not None and node not in nodes:
            raise ConfigError(f"{flag} {_unknown(node, nodes)}")
    to_nodes = [to_node] if to_node else None
    if not from_node:
        return RunOptions(to_nodes=to_nodes) if to_nodes else None
    if to_node and nodes.index(to_node) < nodes.index(from_node):
        raise ConfigError(_swapped(from_node, to_node))
    last = metadata.last_run(source)
    if last is None:
        raise ConfigError(_nothing_before(from_node))
    store, run = last
    earlier = nodes[: nodes.index(from_node)]
    missing = metadata.first_not_done(store, run, earlier)
    if missing:
        raise ConfigError(_unfinished(from_node, missing))
    for (node, key), artifact in metadata.output_artifacts(store, run_id=run.name).items():
        if node in earlier and (words := damage(artifact)):
            raise ConfigError(f"--from {from_node}: {key} of {node} is damaged: {words}; start with --from {node}.")
    return RunOptions(from_nodes=[from_node], to_nodes=to_nodes, base_pipeline_run_id=run.name)


def _unknown(node: str, nodes: Sequence[str]) -> str:
    return f"{node}: there is no such node; {did_you_mean(nodes, like=node)}the nodes are {', '.join(nodes)}."


def _swapped(from_node: str, to_node: str) -> str:
    return f"--to {to_node} comes before --from {from_node}; swap them."


def _nothing_before(from_node: str) -> str:
    return f"--from {from_node}: there is no earlier run to start from; run once without --from."


def _unfinished(from_node: str, missing: str) -> str:
    return f"--from {from_node}: the last run did not finish {missing}; start with --from {missing}."
