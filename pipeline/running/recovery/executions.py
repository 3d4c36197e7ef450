"""Executions of dead runs: TFX records the start of a node, and a killed process cannot record its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from pipeline.running import metadata
from pipeline.running.events import REASON_PROPERTY
from pipeline.running.recovery.problems import Problem

KILLED = "killed"
_State = metadata_store_pb2.Execution.State
_UNFINISHED = (_State.NEW, _State.RUNNING)
_UNSUCCESSFUL = (*_UNFINISHED, _State.FAILED, _State.CANCELED)
# TFX's folder of a node's own files.
_SYSTEM = ".system"


def find(source: metadata.Source, artifacts: Path) -> Iterator[Problem]:
    """The executions that no process will end, and the files of executions that made nothing.

    Args:
        source: ML Metadata; a file may be missing.
        artifacts: the folder of all artifacts.
    """
    store = metadata.open_store(source, writable=True) if source.exists() else None
    every = store.get_executions() if store else []
    for execution in every:
        if store and execution.last_known_state in _UNFINISHED:
            node = metadata.node_of(store, execution.id)
            yield Problem(
                kind="execution",
                where=str(source),
                what=f"execution {execution.id} of {node} is recorded as running, but its process is dead",
                fix="mark it as failed",
                repair=_Mark(store, execution),
            )
    ids = {str(execution.id) for execution in every if execution.last_known_state in _UNSUCCESSFUL}
    for path in unfinished_files(artifacts, ids):
        yield Problem.leftover(path)


def unfinished_files(artifacts: Path, ids: set[str]) -> list[Path]:
    """What executions that did not succeed left: half-made artifacts, and the files that TFX removes in the end.

    Args:
        artifacts: the folder of all artifacts.
        ids: executions that are known not to have succeeded.
    """
    found: list[Path] = []
    for node in sorted(artifacts.iterdir()) if artifacts.is_dir() else ():
        system = node / _SYSTEM
        # TFX removes this folder before it publishes what the node made.
        unfinished = ids | {path.parent.name for path in system.glob("executor_execution/*/.temp")}
        found += [path for path in node.glob("*/*") if path.parent.name != _SYSTEM and path.name in unfinished]
        found += [path for path in system.glob("executor_execution/*") if path.name in unfinished]
        found += system.glob("stateful_working_dir/*")
    return found


class _Mark:
    """Marks an execution as failed."""

    def __init__(self, store: MetadataStore, execution: metadata_store_pb2.Execution):
        self._store = store
        self._execution = execution

    def __call__(self) -> None:
        mark_failed(self._store, [self._execution], reason=KILLED)


def mark_failed(store: MetadataStore, executions: Sequence[metadata_store_pb2.Execution], *, reason: str) -> None:
    """Record that the executions failed, and why."""
    for execution in executions:
        execution.last_known_state = _State.FAILED
        execution.custom_properties[REASON_PROPERTY].string_value = reason
    store.put_executions(list(executions))
