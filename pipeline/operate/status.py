"""``python -m pipeline status``: the last run node by node, and what is served; from ML Metadata alone."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import datetime

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from pipeline.config.config import Config
from pipeline.running import metadata
from pipeline.running.events import REASON_PROPERTY
from pipeline.running.recovery.executions import KILLED
from pipeline.running.run_folder import is_locked
from serving.versions import version_folders

_STATES = {
    metadata_store_pb2.Execution.COMPLETE: "done",
    metadata_store_pb2.Execution.CACHED: "from cache",
    metadata_store_pb2.Execution.FAILED: "failed",
    metadata_store_pb2.Execution.RUNNING: "running",
    metadata_store_pb2.Execution.CANCELED: "cancelled",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command has no flags of its own."""
    del parser


def run(config: Config, options: argparse.Namespace) -> int:
    """Print the status; returns 0."""
    del options
    if not config.metadata_file.exists():
        print(f"{config.name}: no run yet in {config.run_folder}")
        return 0
    for line in lines(config, metadata.open_store(config.metadata_file)):
        print(line)
    return 0


def lines(config: Config, store: MetadataStore) -> Iterator[str]:
    """The status, line by line."""
    runs = metadata.runs(store)
    alive = is_locked(config.run_folder)
    if runs:
        started = datetime.fromisoformat(runs[0].name)
        yield f"{config.name}: last of {len(runs)} runs, started {started:%Y-%m-%d %H:%M:%S}"
        for node, execution in metadata.executions(store, runs[0]).items():
            state, reason = _state(execution, alive=alive)
            yield f"  {node:<18}{state:<12}{reason}".rstrip()
    folder = config.serving_folder
    versions = [str(version) for version in sorted(version_folders.find(folder))] if folder.is_dir() else []
    yield f"served from {folder}: " + (", ".join(versions) if versions else "nothing yet")


def _state(execution: metadata_store_pb2.Execution, *, alive: bool) -> tuple[str, str]:
    """The state and the reason. A node that runs in no process was killed; the next run records that."""
    if execution.last_known_state == metadata_store_pb2.Execution.RUNNING and not alive:
        return _STATES[metadata_store_pb2.Execution.FAILED], KILLED
    reason = execution.custom_properties[REASON_PROPERTY].string_value
    return _STATES.get(execution.last_known_state, "unknown"), reason
