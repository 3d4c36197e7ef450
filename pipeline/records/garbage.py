"""What gc may remove: artifacts that neither a kept run nor anything pushed, blessed or labelled derives from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ml_metadata.proto import metadata_store_pb2

from components.pushed_model import MODEL_ID_PROPERTY
from pipeline.config.config import Config
from pipeline.records.runs import Records, pushed_version
from pipeline.records.served import Served

_LIVE, _DELETED = metadata_store_pb2.Artifact.LIVE, metadata_store_pb2.Artifact.DELETED
_Execution = metadata_store_pb2.Execution
_UNFINISHED = (_Execution.FAILED, _Execution.RUNNING, _Execution.CANCELED)
_RESOLVER = ".Resolver"
# How the names of inputs begin that something was only compared with: nothing derives from them.
_COMPARED = ("baseline", "served_")


@dataclass(frozen=True, kw_only=True)
class Garbage:
    """Something that can go.

    Attributes:
        kind: a served ``version``, an ``artifact``, or a ``leftover``: what a node had made before it was killed or
            failed, or what an earlier gc that was killed did not get to.
        what: what it is, in words.
        path: its folder.
        size: bytes below it.
        artifact: its id in ML Metadata; None if it has none.
    """

    kind: Literal["version", "artifact", "leftover"]
    what: str
    path: Path
    size: int
    artifact: int | None = None


@dataclass(frozen=True, kw_only=True)
class CollectionPlan:
    """What goes and what stays.

    Attributes:
        garbage: what goes, in the order in which it is removed.
        kept_runs: numbers of the runs that keep all their artifacts.
        kept_artifacts: number of artifacts that stay.
        kept_versions: the served versions that stay.
    """

    garbage: tuple[Garbage, ...]
    kept_runs: tuple[int, ...]
    kept_artifacts: int
    kept_versions: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes that it frees."""
        return sum(one.size for one in self.garbage)


def plan(
    config: Config, records: Records, served: Sequence[Served], *, keep: int, versions: int | None
) -> CollectionPlan:
    """Decide what can go.

    Args:
        config: the pipeline.
        records: its runs.
        served: the versions in its serving folder, the newest first.
        keep: how many of the newest runs keep everything.
        versions: how many of the newest versions stay, besides those with a label; None keeps all.
    """
    old = [one for one in served[versions:] if not one.labels and not one.newest] if versions is not None else []
    stay = [one for one in served if one not in old]
    runs = _kept_runs(records, keep=keep, versions={one.version for one in stay})
    every = records.store.get_artifacts()
    artifacts = {one.id: one for one in every if one.state == _LIVE}
    pushed = [one for one in _live(records, "PushedModel") if pushed_version(one) in {each.version for each in stay}]
    # No run made a copy of what is served (`pipeline.running.served_model`).
    wanted = {one.custom_properties[MODEL_ID_PROPERTY].int_value for one in pushed} & artifacts.keys()
    kept = _with_ancestors(records, wanted | {id_ for run in runs for id_ in _artifacts_of(records, run)})
    root = config.run_folder / "artifacts"
    gone = [one for id_, one in sorted(artifacts.items()) if id_ not in kept and Path(one.uri).is_relative_to(root)]
    left = _leftovers(root, records, every)
    garbage = [
        *(
            Garbage(kind="version", what=f"version {one.version}", path=one.folder, size=_size(one.folder))
            for one in old
        ),
        *(_artifact(records, one) for one in gone),
        *(Garbage(kind="leftover", what=_place(path), path=path, size=_size(path)) for path in left),
    ]
    return CollectionPlan(
        garbage=tuple(garbage),
        kept_runs=tuple(sorted(records.number(run) for run in runs)),
        kept_artifacts=len(artifacts) - len(gone),
        kept_versions=tuple(one.version for one in stay),
    )


def _kept_runs(records: Records, *, keep: int, versions: Collection[int]) -> list[metadata_store_pb2.Context]:
    """The newest runs, those that pushed a version that stays, and those whose blessed model was never pushed."""
    found = {run.name: run for run in records.contexts[:keep]}
    pushes = sorted(_live(records, "PushedModel"), key=lambda one: one.id)
    seen: set[int] = set()
    pushed: dict[int, bool] = {}
    for push in pushes:
        version = pushed_version(push)
        # Of a version its first push; and the last of all, which is the next run's baseline.
        stays = (version in versions and version not in seen) or push is pushes[-1]
        seen |= {version} if version is not None else set()
        model = push.custom_properties[MODEL_ID_PROPERTY].int_value
        pushed[model] = pushed.get(model, False) or version in versions or push is pushes[-1]
        if stays:
            found |= _maker(records, push)
    for blessing in _live(records, "ModelBlessing"):
        # A model whose versions are all gone is no longer wanted.
        if blessing.custom_properties["blessed"].int_value and pushed.get(_model_of(blessing), True):
            found |= _maker(records, blessing)
    return list(found.values())


def _model_of(blessing: metadata_store_pb2.Artifact) -> int:
    return blessing.custom_properties["current_model_id"].int_value


def _live(records: Records, kind: str) -> list[metadata_store_pb2.Artifact]:
    return [one for one in records.store.get_artifacts_by_type(kind) if one.state == _LIVE]


def _maker(records: Records, artifact: metadata_store_pb2.Artifact) -> dict[str, metadata_store_pb2.Context]:
    run = records.maker(artifact)
    return {run.name: run} if run else {}


def _artifacts_of(records: Records, run: metadata_store_pb2.Context) -> set[int]:
    """What the nodes of a run made or reused; a resolver's outputs are those of other runs."""
    executions = [one.id for one in records.executions(run).values() if not one.type.endswith(_RESOLVER)]
    return {one.id for one in records.outputs_of(executions).values()}


def _with_ancestors(records: Records, artifacts: Iterable[int]) -> set[int]:
    """Artifacts, and all that they were made of."""
    kept: set[int] = set()
    pending = set(artifacts)
    while pending:
        kept |= pending
        makers: dict[int, int] = {}
        for event in records.store.get_events_by_artifact_ids(list(pending)):
            if event.type == metadata_store_pb2.Event.OUTPUT:
                # Later executions found it in the cache, or looked it up.
                first = makers.get(event.artifact_id, event.execution_id)
                makers[event.artifact_id] = min(first, event.execution_id)
        given = records.store.get_events_by_execution_ids(sorted(set(makers.values()))) if makers else []
        pending = {event.artifact_id for event in given if _derived(event)} - kept
    return kept


def _derived(event: metadata_store_pb2.Event) -> bool:
    """Whether an execution made its outputs of what an event names."""
    keys = {step.key for step in event.path.steps if step.HasField("key")}
    return event.type == metadata_store_pb2.Event.INPUT and not all(key.startswith(_COMPARED) for key in keys)


def _artifact(records: Records, artifact: metadata_store_pb2.Artifact) -> Garbage:
    run, path = records.maker(artifact), Path(artifact.uri)
    what = _place(path) + (f" of run {records.number(run)}" if run else "")
    return Garbage(kind="artifact", what=what, path=path, size=_size(path), artifact=artifact.id)


def _place(path: Path) -> str:
    """``NODE.KEY`` of ``artifacts/NODE/KEY/EXECUTION``."""
    return f"{path.parent.parent.name}.{path.parent.name}"


def _leftovers(root: Path, records: Records, artifacts: Iterable[metadata_store_pb2.Artifact]) -> Iterator[Path]:
    """Folders ``NODE/KEY/EXECUTION`` that nothing can use.

    A folder that ML Metadata knows nothing of stays: the metadata may have been lost or the run folder moved.
    """
    states = {Path(one.uri).parts[-3:]: one.state for one in artifacts}
    unfinished = {
        (records.nodes[one.id], str(one.id))
        for one in records.store.get_executions()
        if one.id in records.nodes and one.last_known_state in _UNFINISHED
    }
    for path in sorted(root.glob("*/*/*")):
        node, _, execution = path.parts[-3:]
        state = states.get(path.parts[-3:])
        if path.is_dir() and (state == _DELETED or state is None and (node, execution) in unfinished):
            yield path


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
