"""The cache yields artifacts as they were published, or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.orchestration.portable import cache_utils, execution_publish_utils
from tfx.orchestration.portable.mlmd import context_lib
from tfx.types.standard_artifacts import Model

from pipeline.running import artifact_files

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def published(tmp_path):
    """A cached execution with one output of two files: ML Metadata, the cache's context, and the folder."""
    connection = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite"))
    folder = tmp_path / "model"
    (folder / "assets").mkdir(parents=True)
    (folder / "assets/words").write_text("Cash\nCard\n")
    (folder / "variables").write_bytes(bytes(100))
    with metadata.Metadata(connection) as handle:
        context = context_lib.register_context_if_not_exists(
            handle, context_lib.CONTEXT_TYPE_EXECUTION_CACHE, "the inputs of a node"
        )
        kind = metadata_store_pb2.ExecutionType(name="Trainer")
        execution = execution_publish_utils.register_execution(handle, kind, [context])
        model = Model()
        model.uri = str(folder)
        execution_publish_utils.publish_succeeded_execution(handle, execution.id, [context], {"model": [model]})
        yield handle, context, folder, execution.id


def cached(handle, context):
    with artifact_files.checked_cache():
        return cache_utils.get_cached_outputs(handle, context)


def _reverse(folder: Path) -> None:
    (folder / "assets/words").write_text("Card\nCash\n")


def _cut(folder: Path) -> None:
    (folder / "variables").write_bytes(bytes(50))


def _remove(folder: Path) -> None:
    (folder / "variables").unlink()


def _add(folder: Path) -> None:
    (folder / "more").write_bytes(b"")


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (_reverse, "assets/words has changed"),
        (_cut, "variables has 50 bytes, not 100"),
        (_remove, "variables is missing"),
        (_add, "more is new"),
    ],
)
def test_what_has_changed_since_does_not_come_from_the_cache(published, caplog, plant, words):
    handle, context, folder, execution_id = published
    artifact_files.record(handle.store, execution_id)
    [model] = cached(handle, context)["model"]
    assert model.uri == str(folder)
    plant(folder)
    assert cached(handle, context) is None
    assert f"{folder} in the cache is damaged: {words}" in caplog.text
    [artifact] = handle.store.get_artifacts()
    assert artifact.state == metadata_store_pb2.Artifact.DELETED


def test_what_was_never_recorded_does_not_come_from_the_cache(published):
    handle, context, _, _ = published
    assert cached(handle, context) is None
