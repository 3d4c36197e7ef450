"""Runs as ML Metadata knows them: how each node ended, how long it took, and how the run ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

from components.messages import one_line
from components.pushed_model import VERSION_PROPERTY
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.running import metadata
from pipeline.running.events import REASON_PROPERTY, REFUSED_PROPERTY
from pipeline.running.folder.run_folder import is_locked
from pipeline.running.recovery.database import has_artifacts
from pipeline.running.recovery.executions import KILLED
from pipeline.running.recovery.special_files import is_special

_REASON = 120
_WAY_OUT = "`python -m pipeline doctor` with the same config says what to do"
State = Literal["done", "from cache", "refused", "failed", "killed", "running", "cancelled", "unknown"]
Result = Literal["pushed", "pushed before", "refused", "failed", "killed", "running", "not pushed"]
Outputs = Mapping[tuple[str, str], metadata_store_pb2.Artifact]

_Execution = metadata_store_pb2.Execution
_STATES: Mapping[int, State] = {
    _Execution.COMPLETE: "done",
    _Execution.CACHED: "from cache",
    _Execution.CANCELED: "cancelled",
}
ENDED_WELL: tuple[State, ...] = ("done", "from cache")
_PUSH = ("Pusher", "pushed_model")


@dataclass(frozen=True, kw_only=True)
class NodeRecord:
    """How a node ended in one run.

    Attributes:
        node: its id.
        state: how it ended; ``killed`` if it never did and no run is under way.
        started: when it began.
        seconds: how long it took; None if it did not end.
        reason: why it refused or failed.
        execution: its id in ML Metadata.
    """

    node: str
    state: State
    started: datetime
    seconds: float | None
    reason: str
    execution: int


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run.

    Attributes:
        run: its id, the time it started at in ISO format.
        number: 1 is the first run.
        started: when it started.
        seconds: from there to its last node's end; None while a node has not ended.
        result: ``pushed`` a new version; ``pushed before``: the newest version held the same model; ``not pushed``: it
            ended before the Pusher without a fault, as ``--to`` asks for.
        node: the node it ended at.
        reason: why it refused or failed.
        version: the version that it pushed, or that held the same model.
        nodes: its nodes in order.
    """

    run: str
    number: int
    started: datetime
    seconds: float | None
    result: Result
    node: str
    reason: str
    version: int | None
    nodes: tuple[NodeRecord, ...]

    @property
    def words(self) -> str:
        """How it ended, in a few words."""
        if self.result == "pushed":
            return f"pushed version {self.version}"
        if self.result == "pushed before":
            return f"made the model of version {self.version} again"
        if self.result == "running":
            return f"is running {self.node}"
        if self.result == "not pushed":
            return f"ended after {self.node}"
        return f"{self.result} {'by' if self.result == 'refused' else 'in'} {self.node}"


class Records:
    """The runs of one pipeline.

    Args:
        store: its ML Metadata.
        busy: whether a run is under way.

    Attributes:
        store: as above.
        nodes: the node of each execution.
        contexts: the runs as ML Metadata has them, the newest first.
    """

    def __init__(self, store: MetadataStore, *, busy: bool = False):
        self.store = store
        self.contexts = metadata.runs(store)
        self.nodes: dict[int, str] = {
            execution.id: context.name.rpartition(".")[2]
            for context in store.get_contexts_by_type("node")
            for execution in store.get_executions_by_context(context.id)
        }
        self._busy = busy

    def runs(self, limit: int | None = None) -> list[RunRecord]:
        """The newest runs, the newest first."""
        return [self.run(context) for context in self.contexts[:limit]]

    def run(self, context: metadata_store_pb2.Context) -> RunRecord:
        """One run."""
        nodes = tuple(self._node(name, one, context) for name, one in self.executions(context).items())
        pushed = self.outputs(context).get(_PUSH)
        result, last = _result(nodes, pushed)
        started = datetime.fromisoformat(context.name)
        ends = [node.started.timestamp() + node.seconds for node in nodes if node.seconds is not None]
        over = bool(ends) and all(node.seconds is not None for node in nodes)
        return RunRecord(
            run=context.name,
            number=self.number(context),
            started=started,
            seconds=max(ends) - started.timestamp() if over else None,
            result=result,
            node=last.node if last else "start-up",
            reason=last.reason if last else "",
            version=pushed_version(pushed) if pushed else None,
            nodes=nodes,
        )

    def number(self, context: metadata_store_pb2.Context) -> int:
        """The number of a run; the first one is 1."""
        return next(len(self.contexts) - place for place, one in enumerate(self.contexts) if one.id == context.id)

    def executions(self, context: metadata_store_pb2.Context) -> dict[str, metadata_store_pb2.Execution]:
        """The last execution of each node of a run, by node, in the order in which they began."""
        found = sorted(self.store.get_executions_by_context(context.id), key=lambda one: one.id)
        return {self.nodes[one.id]: one for one in found if one.id in self.nodes}

    def outputs(self, context: metadata_store_pb2.Context) -> dict[tuple[str, str], metadata_store_pb2.Artifact]:
        """The artifacts that a run made or reused, by node and output key."""
        return self.outputs_of([one.id for one in self.executions(context).values()])

    def outputs_of(self, executions: Sequence[int]) -> dict[tuple[str, str], metadata_store_pb2.Artifact]:
        """The artifacts that executions made or reused, by node and output key."""
        events = [
            event
            for event in self.store.get_events_by_execution_ids(list(executions))
            if event.type == metadata_store_pb2.Event.OUTPUT
        ]
        artifacts = {one.id: one for one in self.store.get_artifacts_by_id([e.artifact_id for e in events])}
        return {(self.nodes[e.execution_id], e.path.steps[0].key): artifacts[e.artifact_id] for e in events}

    def pushes(self) -> dict[int, metadata_store_pb2.Artifact]:
        """The push that made each version, by version; also of versions that are gone."""
        found: dict[int, metadata_store_pb2.Artifact] = {}
        for artifact in sorted(self.store.get_artifacts_by_type("PushedModel"), key=lambda one: one.id):
            version = pushed_version(artifact)
            if version is not None:
                # A later push of the same model made no version.
                found.setdefault(version, artifact)
        return found

    def maker(self, artifact: metadata_store_pb2.Artifact) -> metadata_store_pb2.Context | None:
        """The run that made an artifact, before others reused it or looked it up."""
        found = [one for one in self.store.get_contexts_by_artifact(artifact.id) if one.type == metadata.RUN_CONTEXT]
        return min(found, key=lambda one: one.create_time_since_epoch, default=None)

    def _node(
        self, name: str, execution: metadata_store_pb2.Execution, context: metadata_store_pb2.Context
    ) -> NodeRecord:
        properties = execution.custom_properties
        reason = properties[REASON_PROPERTY].string_value if REASON_PROPERTY in properties else ""
        state = _STATES.get(execution.last_known_state, "unknown")
        if execution.last_known_state == _Execution.FAILED:
            refused = REFUSED_PROPERTY in properties and properties[REFUSED_PROPERTY].int_value
            # The run after a killed one records it.
            state = "refused" if refused else "killed" if reason == KILLED else "failed"
        elif execution.last_known_state in (_Execution.RUNNING, _Execution.NEW):
            state = "running" if self._busy and context == self.contexts[0] else "killed"
        started, ended = execution.create_time_since_epoch, execution.last_update_time_since_epoch
        return NodeRecord(
            node=name,
            state=state,
            started=datetime.fromtimestamp(started / 1000),
            seconds=None if state in ("running", "killed") else (ended - started) / 1000,
            reason="" if state == "killed" else reason,
            execution=execution.id,
        )


def records_of(config: Config) -> Records | None:
    """The runs of a pipeline; None before its first one.

    Raises:
        ConfigError: ML Metadata cannot be read.
    """
    source = config.metadata_source
    if not source.exists():
        return None
    if isinstance(source, Path):
        if is_special(source):
            raise ConfigError(f"{source}: is no file; {_WAY_OUT}.")
        if not source.stat().st_size:
            if not has_artifacts(config.run_folder / "artifacts"):
                return None
            raise ConfigError(f"{source}: is empty; {_WAY_OUT}.")
    try:
        records = Records(metadata.open_store(source), busy=is_locked(config.run_folder))
    except ConfigError:
        raise
    except Exception as error:
        # Whatever SQLite says: ml_metadata has a class for each of its codes.
        # Of a damaged file, ML Metadata say a line for each table.
        reason = one_line(str(error).partition("\n")[0], limit=_REASON).rstrip(".")
        raise ConfigError(f"{source}: cannot be read ({reason}); {_WAY_OUT}.") from None
    return records if records.contexts else None


def required(config: Config) -> Records:
    """As `records_of`, for commands that need a run.

    Raises:
        ConfigError: there is none.
    """
    records = records_of(config)
    if records is None:
        raise ConfigError(f"there is no run in {config.run_folder}; `python -m pipeline run` makes one.")
    return records


def pushed_version(push: metadata_store_pb2.Artifact) -> int | None:
    """The version that a push made, or that held the same model already; None if it names none."""
    text = push.custom_properties[VERSION_PROPERTY].string_value
    return int(text) if text.isascii() and text.isdigit() else None


def _result(
    nodes: Sequence[NodeRecord], pushed: metadata_store_pb2.Artifact | None
) -> tuple[Result, NodeRecord | None]:
    """How a run ended, and the node that decided it."""
    if not nodes:
        return "killed", None
    ended: dict[State, Result] = {"refused": "refused", "failed": "failed", "killed": "killed", "running": "running"}
    for node in nodes:
        if node.state in ended:
            return ended[node.state], node
    if pushed is None:
        return "not pushed", nodes[-1]
    push = next(node for node in nodes if node.node == _PUSH[0])
    return "pushed" if pushed.custom_properties["newly_pushed"].int_value else "pushed before", push
