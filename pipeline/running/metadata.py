"""Runs and what their nodes did, read from ML Metadata without TFX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from pipeline.config.metadata import MetadataDatabase
from pipeline.running import metadata_server

# A file of SQLite, or a server.
Source = Path | MetadataDatabase
RUN_CONTEXT = "pipeline_run"
SUCCEEDED = {metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED}


def connection_to(source: Source) -> metadata_store_pb2.ConnectionConfig:
    """How TFX connects to the metadata; a file is created if it is missing.

    Raises:
        ConfigError: the environment variable of a server's password is not set.
    """
    if isinstance(source, MetadataDatabase):
        return metadata_server.connection(source)
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(source)
    connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return connection


def open_store(source: Source, *, writable: bool = False) -> MetadataStore:
    """The metadata, a file read-only unless ``writable``: that is for one process at a time.

    Raises:
        ConfigError: a server cannot be used.
    """
    if isinstance(source, MetadataDatabase):
        return metadata_server.connect(source)
    modes = metadata_store_pb2.SqliteMetadataSourceConfig
    connection = connection_to(source)
    connection.sqlite.connection_mode = modes.READWRITE if writable else modes.READONLY
    return MetadataStore(connection)


def last_run(source: Source) -> tuple[MetadataStore, metadata_store_pb2.Context] | None:
    """The metadata and its newest run; None where nothing ran yet."""
    store = open_store(source) if source.exists() else None
    found = runs(store) if store else []
    return (store, found[0]) if store and found else None


def runs(store: MetadataStore) -> list[metadata_store_pb2.Context]:
    """All runs, the newest first; a run's name is the time it started at, in ISO format."""
    # By id: the clock may have been set back.
    return sorted(store.get_contexts_by_type(RUN_CONTEXT), key=lambda run: run.id, reverse=True)


def executions(store: MetadataStore, run: metadata_store_pb2.Context) -> dict[str, metadata_store_pb2.Execution]:
    """The last execution of each node in a run, by node, in the order in which they began."""
    found = sorted(store.get_executions_by_context(run.id), key=lambda execution: execution.id)
    return {node_of(store, execution.id): execution for execution in found}


def node_of(store: MetadataStore, execution_id: int) -> str:
    """The id of the node that an execution belongs to."""
    contexts = store.get_contexts_by_execution(execution_id)
    return next(context.name for context in contexts if context.type == "node").rpartition(".")[2]


def first_not_done(store: MetadataStore, run: metadata_store_pb2.Context, nodes: Sequence[str]) -> str | None:
    """The first of ``nodes`` that did not end well in a run; None where all did."""
    states = {node: execution.last_known_state for node, execution in executions(store, run).items()}
    return next((node for node in nodes if states.get(node) not in SUCCEEDED), None)


def output_artifacts(store: MetadataStore, *, run_id: str) -> dict[tuple[str, str], metadata_store_pb2.Artifact]:
    """The artifacts that a run made or took from the cache, by node id and output key."""
    run = store.get_context_by_type_and_name(RUN_CONTEXT, run_id)
    nodes = {execution.id: node for node, execution in executions(store, run).items()} if run else {}
    events = [
        event
        for event in store.get_events_by_execution_ids(list(nodes))
        if event.type == metadata_store_pb2.Event.OUTPUT
    ]
    artifacts = {artifact.id: artifact for artifact in store.get_artifacts_by_id([e.artifact_id for e in events])}
    return {(nodes[event.execution_id], event.path.steps[0].key): artifacts[event.artifact_id] for event in events}
