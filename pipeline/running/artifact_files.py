"""Published artifacts are what they were: ML Metadata knows the size and hash of each file, and the cache is checked.

TFX reuses the outputs of an earlier run wherever their folders still exist, whatever they hold by now.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration.portable import cache_utils

from components.notices import notices
from components.storage.files import MANIFEST, difference, manifest
from pipeline.patches import replaced

_PROPERTY = "manifest"
_OUTPUT = metadata_store_pb2.Event.OUTPUT


def record(store: MetadataStore, execution_id: int) -> None:
    """Write what an execution made to ML Metadata; call it when the execution has ended, before the next node begins.

    Later the artifacts must not be written again: TFX's cache keys contain them.
    """
    events = [event for event in store.get_events_by_execution_ids([execution_id]) if event.type == _OUTPUT]
    made = store.get_artifacts_by_id([event.artifact_id for event in events])
    for artifact in made:
        found = MANIFEST.dump_json(manifest(Path(artifact.uri))).decode()
        artifact.custom_properties[_PROPERTY].string_value = found
    store.put_artifacts(made)


def damage(artifact: metadata_store_pb2.Artifact) -> str | None:
    """How an artifact differs from what was published, in words; None if it does not."""
    # Looking a missing key up would add it without a value, on which the store crashes.
    if _PROPERTY not in artifact.custom_properties:
        return "its files were never recorded"
    recorded = artifact.custom_properties[_PROPERTY].string_value
    return difference(Path(artifact.uri), MANIFEST.validate_json(recorded))


@contextmanager
def checked_cache() -> Iterator[None]:
    """While open, TFX's cache yields no output that is damaged: the node runs again, and a notice says why."""
    cached_outputs = cache_utils.get_cached_outputs

    def get_cached_outputs(metadata_handle: Any, cache_context: metadata_store_pb2.Context) -> Any:
        while (outputs := cached_outputs(metadata_handle, cache_context)) is not None:
            ids = [artifact.id for artifacts in outputs.values() for artifact in artifacts]
            if not _discard_damaged(metadata_handle.store, ids):
                return outputs
        return None

    parameters = ("metadata_handle", "cache_context")
    with replaced(cache_utils, "get_cached_outputs", get_cached_outputs, parameters=parameters):
        yield


def _discard_damaged(store: MetadataStore, ids: list[int]) -> bool:
    """Mark those artifacts as deleted that are damaged, and return whether there are any."""
    damaged = [
        (artifact, words) for artifact in store.get_artifacts_by_id(ids) if (words := damage(artifact)) is not None
    ]
    for artifact, words in damaged:
        notices.warning("rebuilt, since %s in the cache is damaged: %s", artifact.uri, words)
        artifact.state = metadata_store_pb2.Artifact.DELETED
    store.put_artifacts([artifact for artifact, _ in damaged])
    return bool(damaged)
