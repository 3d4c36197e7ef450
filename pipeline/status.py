"""``python -m pipeline status``: the last run node by node, and what is served; from ML Metadata alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from pipeline.config import Config
from pipeline.events import REASON_PROPERTY

_STATES = {
    metadata_store_pb2.Execution.COMPLETE: "done",
    metadata_store_pb2.Execution.CACHED: "from cache",
    metadata_store_pb2.Execution.FAILED: "failed",
    metadata_store_pb2.Execution.RUNNING: "running, or killed",
    metadata_store_pb2.Execution.CANCELED: "cancelled",
}


def show(config: Config) -> int:
    """Print the status; 0 always: that nothing ran yet is a status, too."""
    if not config.metadata_file.exists():
        print(f"{config.name}: no run yet in {config.run_folder}")
        return 0
    connection = metadata_store_pb2.ConnectionConfig()
    connection.sqlite.filename_uri = str(config.metadata_file)
    connection.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
    for line in lines(config, MetadataStore(connection)):
        print(line)
    return 0


def lines(config: Config, store: MetadataStore) -> Iterator[str]:
    """The status, line by line."""
    runs = store.get_contexts_by_type("pipeline_run")
    if runs:
        last = max(runs, key=lambda context: context.create_time_since_epoch)
        yield f"{config.name}: last of {len(runs)} runs, started {datetime.fromisoformat(last.name):%Y-%m-%d %H:%M:%S}"
        for execution in sorted(store.get_executions_by_context(last.id), key=lambda execution: execution.id):
            reason = execution.custom_properties[REASON_PROPERTY].string_value
            state = _STATES.get(execution.last_known_state, "unknown")
            yield f"  {_node(store, execution.id):<18}{state:<12}{reason}".rstrip()
    folder = config.serving_folder
    versions = sorted(path.name for path in folder.iterdir() if path.name.isdigit()) if folder.is_dir() else []
    yield f"served from {folder}: " + (", ".join(versions) if versions else "nothing yet")


def _node(store: MetadataStore, execution_id: int) -> str:
    contexts = store.get_contexts_by_execution(execution_id)
    return next(context.name for context in contexts if context.type == "node").rpartition(".")[2]
