"""Why a node was reused or run: what differs from its last execution in what TFX makes the cache key of.

The key is a hash of the pipeline's and the node's identity, the executor, all input artifacts and all properties
(tfx.orchestration.portable.cache_utils). An execution's context of type ``execution_cache`` has it as its name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2

from components.messages import one_line
from pipeline.records.runs import Records
from pipeline.running.events import CACHE_OFF, NEVER_CACHED, REASON_PROPERTY, REFUSED_PROPERTY, UNCACHED_PROPERTY
from pipeline.running.metadata import RUN_CONTEXT

_CACHE = "execution_cache"
_OURS = {REASON_PROPERTY, REFUSED_PROPERTY, UNCACHED_PROPERTY}
_VALUE = 60
# Properties that hold a digest of sources.
CODE = ("source_digest", "code")
_Execution = metadata_store_pb2.Execution
_Artifact = metadata_store_pb2.Artifact
_SUCCEEDED = (_Execution.COMPLETE, _Execution.CACHED)


@dataclass(frozen=True, kw_only=True)
class Change:
    """One difference between two executions of a node.

    Attributes:
        what: ``input``, ``property`` or ``code``.
        name: the input's key, or the property's path.
        before: what it was, in words.
        now: what it is.
        words: the difference in words.
    """

    what: str
    name: str
    before: str
    now: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Why:
    """Why a node was reused or run.

    Attributes:
        node: its id.
        run: the run that is explained.
        reused: whether its outputs came from the cache.
        verdict: the reason in one line.
        compared_with: the run of the last execution; None if there was none.
        changes: what differs from that execution.
    """

    node: str
    run: str
    reused: bool
    verdict: str
    compared_with: str | None
    changes: tuple[Change, ...]


def explain(records: Records, run: metadata_store_pb2.Context, node: str) -> Why | None:
    """Why a node was reused or run; None if it has no execution in the run."""
    execution = records.executions(run).get(node)
    if execution is None:
        return None
    earlier = _earlier(records, node, execution)
    if cache_key(records, execution) is not None:
        # What a part of the DAG took over has no properties to compare with.
        earlier = [one for one in earlier if cache_key(records, one) is not None]
    last = next((one for one in earlier if one.last_known_state in _SUCCEEDED), earlier[0] if earlier else None)
    changes = tuple(_changes(records, last, execution)) if last else ()
    reused = execution.last_known_state == _Execution.CACHED
    verdict = _reused(records, execution) if reused else _ran(records, execution, last, changes)
    return Why(
        node=node,
        run=run.name,
        reused=reused,
        verdict=verdict,
        compared_with=_run_of(records, last) if last else None,
        changes=changes,
    )


def _earlier(
    records: Records, node: str, execution: metadata_store_pb2.Execution
) -> list[metadata_store_pb2.Execution]:
    """The node's executions before this one, the newest first."""
    ids = sorted((id_ for id_, name in records.nodes.items() if name == node and id_ < execution.id), reverse=True)
    found = {one.id: one for one in records.store.get_executions_by_id(ids)}
    return [found[id_] for id_ in ids]


def _reused(records: Records, execution: metadata_store_pb2.Execution) -> str:
    same = [one for one in _with_same_key(records, execution) if one.last_known_state == _Execution.COMPLETE]
    if not same:
        # A part of the DAG takes over what comes before it, without asking the cache.
        return "reused: the run started at a later node (--from)"
    return f"reused: inputs, properties and code are those of run {_run_of(records, same[-1])}"


def _ran(
    records: Records,
    execution: metadata_store_pb2.Execution,
    last: metadata_store_pb2.Execution | None,
    changes: Sequence[Change],
) -> str:
    uncached = execution.custom_properties[UNCACHED_PROPERTY].string_value
    if uncached == NEVER_CACHED or cache_key(records, execution) is None:
        return "run: it is never cached, since it looks up, decides or pushes in every run"
    if uncached == CACHE_OFF:
        return "run: the cache is off (cache: false)"
    if last is None:
        return "run: it had never run before"
    same = [one for one in _with_same_key(records, execution) if one.last_known_state in _SUCCEEDED]
    if same:
        return f"run: nothing changed, but {_gone(records, same[-1])}"
    if changes:
        return f"run: {changes[0].words}" + (f" (and {len(changes) - 1} more)" if len(changes) > 1 else "")
    if last.last_known_state not in _SUCCEEDED:
        return "run: it did not end well before"
    return "run: no input and no property changed, but its executor or the place of the run folder did"


def _with_same_key(records: Records, execution: metadata_store_pb2.Execution) -> list[metadata_store_pb2.Execution]:
    key = cache_key(records, execution)
    found = records.store.get_executions_by_context(key.id) if key else []
    return sorted((one for one in found if one.id < execution.id), key=lambda one: one.id)


def cache_key(records: Records, execution: metadata_store_pb2.Execution) -> metadata_store_pb2.Context | None:
    """The context whose name is the cache key; None for a resolver, which has none."""
    return next((one for one in records.store.get_contexts_by_execution(execution.id) if one.type == _CACHE), None)


def _gone(records: Records, execution: metadata_store_pb2.Execution) -> str:
    for (_, key), artifact in records.outputs_of([execution.id]).items():
        if artifact.state != _Artifact.LIVE:
            return f"its earlier output {key} was removed by gc"
        if not Path(artifact.uri).exists():
            return f"its earlier output {key} is gone from {artifact.uri}"
    return "its earlier outputs could not be used"


def _run_of(records: Records, execution: metadata_store_pb2.Execution) -> str:
    contexts = records.store.get_contexts_by_execution(execution.id)
    return next((one.name for one in contexts if one.type == RUN_CONTEXT), "unknown")


def _changes(
    records: Records, before: metadata_store_pb2.Execution, now: metadata_store_pb2.Execution
) -> Iterator[Change]:
    yield from _input_changes(records, _inputs(records, before), _inputs(records, now))
    was, is_ = (flattened(properties(records, one)) for one in (before, now))
    for name in sorted({*was, *is_}):
        if was.get(name) != is_.get(name):
            yield _property_change(name, _short(was.get(name)), _short(is_.get(name)))


def _inputs(records: Records, execution: metadata_store_pb2.Execution) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for event in records.store.get_events_by_execution_ids([execution.id]):
        if event.type == metadata_store_pb2.Event.INPUT:
            # An artifact that is two inputs has one event, whose path holds both keys.
            for step in event.path.steps:
                if step.HasField("key"):
                    found.setdefault(step.key, []).append(event.artifact_id)
    return {key: sorted(ids) for key, ids in found.items()}


def _input_changes(
    records: Records, before: Mapping[str, Sequence[int]], now: Mapping[str, Sequence[int]]
) -> Iterator[Change]:
    for key in sorted({*before, *now}):
        was, is_ = before.get(key, []), now.get(key, [])
        if was == is_:
            continue
        producer = _producer(records, is_ or was)
        if was and is_:
            words = f"input {key} is another one of {producer}"
        else:
            words = f"input {key} of {producer} is {'new' if is_ else 'gone'}"
        yield Change(what="input", name=key, before=_listed(was), now=_listed(is_), words=words)


def _producer(records: Records, artifacts: Sequence[int]) -> str:
    events = records.store.get_events_by_artifact_ids(list(artifacts))
    made = [event.execution_id for event in events if event.type == metadata_store_pb2.Event.OUTPUT]
    # Later ones took it from the cache.
    return records.nodes.get(min(made), "an earlier run") if made else "an earlier run"


def _listed(artifacts: Sequence[int]) -> str:
    return ", ".join(f"artifact {one}" for one in artifacts) or "none"


def properties(records: Records, execution: metadata_store_pb2.Execution) -> dict[str, Any]:
    """What an execution was given besides artifacts, as far as it is part of the cache key."""
    found = {
        name: getattr(value, value.WhichOneof("value") or "string_value")
        for name, value in execution.custom_properties.items()
        if name not in _OURS and not name.startswith("__")
    }
    if "input_base" in found:
        # ExampleGen's driver finds these; an execution from the cache has them at its output alone.
        for artifact in records.outputs_of([execution.id]).values():
            for name in ("input_fingerprint", "span", "version"):
                if name in artifact.custom_properties:
                    value = artifact.custom_properties[name]
                    found[name] = getattr(value, value.WhichOneof("value") or "string_value")
    return found


def flattened(value: Any, path: str = "") -> dict[str, Any]:
    """Nested values by path; JSON inside a text is taken apart, too."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError:
            return {path: value}
    if isinstance(value, Mapping) and value:
        pairs = [(str(key), each) for key, each in value.items()]
    elif isinstance(value, list) and value:
        pairs = [(str(place), each) for place, each in enumerate(value)]
    else:
        return {path: value}
    return {name: leaf for key, each in pairs for name, leaf in flattened(each, f"{path}.{key}".strip(".")).items()}


def _property_change(name: str, before: str, now: str) -> Change:
    last = name.rpartition(".")[2]
    if last in CODE:
        return Change(what="code", name=name, before=before, now=now, words=f"the code changed ({before} to {now})")
    if last == "schema_file":
        words = "the curated schema changed"
    elif last == "input_fingerprint":
        words = f"the input files changed ({before} to {now})"
    else:
        words = f"{name} changed from {before} to {now}"
    return Change(what="property", name=name, before=before, now=now, words=words)


def _short(value: Any) -> str:
    text = "none" if value is None else one_line(str(value))
    return text if len(text) <= _VALUE else f"{text[:_VALUE]}..."
