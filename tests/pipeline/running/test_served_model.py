"""What is served is the baseline of the next run, whatever has happened to the files of earlier runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tfx.orchestration import metadata
from tfx.orchestration.portable.mlmd import context_lib, execution_lib
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Model, PushedModel

from components.gates.judged import model_digest
from components.push.champion import LatestPushedModelStrategy
from components.push.pusher import push as push_files
from components.pushed_model import DIGEST_PROPERTY, MODEL_ID_PROPERTY, VERSION_PROPERTY
from pipeline.config import loading
from pipeline.running import served_model
from pipeline.running.events import NodeFailed

pytestmark = pytest.mark.tensorflow

_LIVE = metadata_store_pb2.Artifact.LIVE


class History:
    """A run folder with pushes in it, as runs leave them."""

    def __init__(self, folder: Path, *overrides: str):
        words = (f"runs={folder}", *overrides)
        self.config = loading.load(config=Path("configs/taxi.yaml"), profile="local", overrides=words)
        self.config.run_folder.mkdir(parents=True, exist_ok=True)
        self.connection = metadata.sqlite_metadata_connection_config(str(self.config.metadata_file))

    def push(self, content: bytes) -> tuple[Path, Path]:
        """Train and push a model of these bytes; returns the folders of the artifact and of the served version."""
        with metadata.Metadata(self.connection) as handle:
            model, pushed = Model(), PushedModel()
            number = len(handle.store.get_artifacts())
            model.uri = str(self.config.run_folder / "artifacts/Trainer/model" / str(number))
            export = Path(model.uri, "Format-Serving")
            export.mkdir(parents=True)
            (export / "saved_model.pb").write_bytes(content)
            version, _ = push_files(source=export, base_directory=str(self.config.serving_folder))
            self._put(handle, {"model": [model]})
            pushed.set_int_custom_property(MODEL_ID_PROPERTY, model.id)
            pushed.set_string_custom_property(VERSION_PROPERTY, str(version))
            pushed.set_string_custom_property(DIGEST_PROPERTY, model_digest(export))
            self._put(handle, {"pushed_model": [pushed]})
        return Path(model.uri), self.config.serving_folder / str(version)

    def _put(self, handle, outputs) -> None:
        for artifacts in outputs.values():
            for artifact in artifacts:
                artifact.mlmd_artifact.state = _LIVE
        kind = metadata_store_pb2.ExecutionType(name="made")
        execution = execution_lib.prepare_execution(handle, kind, metadata_store_pb2.Execution.COMPLETE)
        context = context_lib.register_context_if_not_exists(handle, "pipeline", self.config.name)
        execution_lib.put_execution(handle, execution, [context], output_artifacts=outputs)

    def baseline(self) -> bytes | None:
        """The bytes of the baseline that the next run finds."""
        served_model.prepare(self.config)
        with metadata.Metadata(self.connection) as handle:
            inputs = {key: self._live(handle.store, kind) for key, kind in _KINDS.items()}
            found = LatestPushedModelStrategy().resolve_artifacts(handle.store, inputs)["model"]
        return Path(found[0].uri, "Format-Serving/saved_model.pb").read_bytes() if found else None

    def _live(self, store, kind):
        [mlmd_type] = [found for found in store.get_artifact_types() if found.name == kind.TYPE_NAME] or [None]
        found = store.get_artifacts_by_type(kind.TYPE_NAME) if mlmd_type else []
        return [artifact_utils.deserialize_artifact(mlmd_type, each) for each in found if each.state == _LIVE]


_KINDS = {"model": Model, "pushed_model": PushedModel}


@pytest.fixture
def history(tmp_path) -> History:
    return History(tmp_path)


def test_the_model_that_was_pushed_is_the_baseline_and_before_a_push_there_is_none(history):
    assert history.baseline() is None
    history.push(b"old")
    history.push(b"new")
    assert history.baseline() == b"new"
    assert not (history.config.run_folder / "artifacts/ServedModel").exists()


def test_a_deleted_or_damaged_artifact_is_replaced_by_a_copy_of_what_is_served(history):
    history.push(b"old")
    model, _ = history.push(b"new")
    (model / "Format-Serving/saved_model.pb").write_bytes(b"bad")
    assert history.baseline() == b"new"
    shutil.rmtree(history.config.run_folder / "artifacts")
    assert history.baseline() == b"new"
    # A second time nothing is copied.
    [copy] = (history.config.run_folder / "artifacts/ServedModel/model").iterdir()
    before = copy.stat().st_ctime_ns
    assert history.baseline() == b"new"
    assert copy.stat().st_ctime_ns == before


def test_without_its_metadata_the_served_version_is_the_baseline_all_the_same(history):
    history.push(b"new")
    history.config.metadata_file.unlink()
    assert history.baseline() == b"new"
    assert history.baseline() == b"new"


def test_a_served_version_that_was_damaged_gives_way_to_the_artifact_it_was_copied_from(history):
    _, version = history.push(b"new")
    (version / "saved_model.pb").write_bytes(b"bad")
    assert history.baseline() == b"new"


def test_a_damaged_version_without_any_copy_is_refused_with_the_ways_out(history):
    history.push(b"old")
    model, version = history.push(b"new")
    shutil.rmtree(model)
    (version / "saved_model.pb").write_bytes(b"bad")
    with pytest.raises(
        NodeFailed, match=f"version {version.name} is damaged.*remove {version} so that version"
    ) as failed:
        history.baseline()
    assert failed.value.refused
    shutil.rmtree(version)
    assert history.baseline() == b"old"


def test_an_unknown_folder_without_a_model_is_refused(history):
    (history.config.serving_folder / "7").mkdir(parents=True)
    with pytest.raises(NodeFailed, match="so that nothing is served"):
        history.baseline()
    fresh = History(history.config.run_folder.parent, "gates.evaluation.baseline=none")
    assert fresh.baseline() is None


@pytest.mark.parametrize(("output", "task"), [("prediction", "regression"), ("probabilities", "multiclass")])
def test_a_served_model_of_another_task_is_refused_with_the_way_out(history, tmp_path, output, task):
    history.push(answering("probability"))
    assert history.baseline() == answering("probability")
    _, served = history.push(answering(output))
    with pytest.raises(
        NodeFailed, match=f"version {served.name} is of a {task} label, and label.task is binary: .*none"
    ):
        history.baseline()
    served_model.prepare(History(tmp_path, "gates.evaluation.baseline=none").config)


def answering(output: str) -> bytes:
    """A SavedModel, as far as its signature says what it answers with."""
    model = saved_model_pb2.SavedModel()
    signature = model.meta_graphs.add().signature_def["serving_default"]
    signature.outputs[output].name = "served:0"
    return model.SerializeToString()
