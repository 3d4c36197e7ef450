"""Before a run: the model that is being served is the baseline, or the run is refused.

The baseline is found through ML Metadata (`components.push.champion`). What is served decides, so what ML Metadata
knows is put right first: pushes whose version is gone no longer count, and a served model whose artifact was deleted or
damaged gets a copy of the served files as its artifact. Otherwise a worse model would pass as if it were the first.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from google.protobuf.message import DecodeError
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tfx.orchestration import metadata
from tfx.orchestration.portable.mlmd import context_lib, execution_lib
from tfx.types.standard_artifacts import Model, PushedModel
from tfx.utils import path_utils

from components.gates.judged import model_digest
from components.gates.trained_model import SERVING_DEFAULT
from components.notices import notices
from components.push.pusher import SAVED_MODEL
from components.pushed_model import DIGEST_PROPERTY, MODEL_ID_PROPERTY, VERSION_PROPERTY
from pipeline.config.config import Config
from pipeline.running import artifact_files
from pipeline.running.events import NodeFailed
from pipeline.running.metadata import connection_to
from serving.versions import version_folders
from trainer.models.heads import PREDICTION, PROBABILITIES, PROBABILITY, head_of

_Artifact = metadata_store_pb2.Artifact
_PUSHED_MODEL = "PushedModel"
_EXECUTION_TYPE = "ServedModel"
# The node that would have to find it.
_NODE = "Baseline"
# The task by the name of what a model answers with.
_HEADS = {PROBABILITY: "binary", PROBABILITIES: "multiclass", PREDICTION: "regression"}


def prepare(config: Config) -> None:
    """Make the newest served version the baseline of the next evaluation.

    Does nothing where nothing is served: the model that was pushed last remains the baseline.

    Raises:
        NodeFailed: neither the served version nor the model it was copied from is what was pushed, or it predicts
            something else than the label.
    """
    serving = config.serving_folder
    folders = version_folders.find(serving) if serving.is_dir() else {}
    if not folders or config.gates.evaluation.baseline == "none":
        return
    with metadata.Metadata(connection_to(config.metadata_source)) as handle:
        store = handle.store
        pushes = _pushes(store)
        _forget(store, [push for version, push in pushes.items() if version not in folders])
        version = max(folders)
        push = pushes.get(version)
        served = model_digest(folders[version])
        pushed = _digest(push) if push else served
        _refuse_another_task(folders[version], config)
        if push and _is_usable(store, push):
            return
        if not (folders[version] / SAVED_MODEL).is_file() or served != pushed:
            raise NodeFailed(node=_NODE, reason=_damaged(folders, version), refused=True)
        notices.warning("version %s is served, but its model is gone or damaged: the baseline is a copy", version)
        _adopt(handle, config, folder=folders[version], version=version, push=push, digest=served)


def _refuse_another_task(folder: Path, config: Config) -> None:
    """Refuse a served model whose answers no evaluation could compare with these labels."""
    wanted, served = head_of(config.label).output, _outputs(folder) & _HEADS.keys()
    if served and wanted not in served:
        [found, *_] = sorted(served)
        raise NodeFailed(
            node=_NODE,
            reason=f"the served version {folder.name} is of a {_HEADS[found]} label, and label.task is "
            f"{config.label.task}: they cannot be compared; set gates.evaluation.baseline=none for one run, or give "
            "the pipeline another name",
            refused=True,
        )


def _outputs(folder: Path) -> set[str]:
    """Names of what a served version answers with; none if that cannot be read."""
    try:
        model = SavedModel.FromString((folder / SAVED_MODEL).read_bytes())
    except (OSError, DecodeError):
        return set()
    signatures = (graph.signature_def for graph in model.meta_graphs)
    return {name for found in signatures if SERVING_DEFAULT in found for name in found[SERVING_DEFAULT].outputs}


def _pushes(store: MetadataStore) -> dict[int, _Artifact]:
    """The last push of each version that still counts. Those of TF Lite files do not: they name no model."""
    pushes = sorted(store.get_artifacts_by_type(_PUSHED_MODEL), key=lambda push: push.id)
    return {
        int(push.custom_properties[VERSION_PROPERTY].string_value): push
        for push in pushes
        if push.state == _Artifact.LIVE and {MODEL_ID_PROPERTY, DIGEST_PROPERTY} <= set(push.custom_properties)
    }


def _forget(store: MetadataStore, pushes: list[_Artifact]) -> None:
    for push in pushes:
        push.state = _Artifact.DELETED
    store.put_artifacts(pushes)


def _digest(push: _Artifact) -> str:
    return push.custom_properties[DIGEST_PROPERTY].string_value


def _is_usable(store: MetadataStore, push: _Artifact) -> bool:
    """Whether the model that was pushed is still there, as it was."""
    models = store.get_artifacts_by_id([push.custom_properties[MODEL_ID_PROPERTY].int_value])
    return any(model.state == _Artifact.LIVE and model_digest(_export(model.uri)) == _digest(push) for model in models)


def _adopt(
    handle: metadata.Metadata, config: Config, *, folder: Path, version: int, push: _Artifact | None, digest: str
) -> None:
    """Record a copy of a served version as the model that was pushed."""
    model = Model()
    model.uri = str(config.run_folder / "artifacts" / _EXECUTION_TYPE / "model" / str(version))
    shutil.rmtree(model.uri, ignore_errors=True)
    shutil.copytree(folder, _export(model.uri))
    outputs: dict[str, list[Model | PushedModel]] = {"model": [model]}
    execution = execution_lib.prepare_execution(
        handle, metadata_store_pb2.ExecutionType(name=_EXECUTION_TYPE), metadata_store_pb2.Execution.COMPLETE
    )
    context = context_lib.register_context_if_not_exists(handle, "pipeline", config.name)
    _put(handle, execution, context, outputs)
    artifact_files.record(handle.store, execution.id)
    if push is None:
        pushed = PushedModel()
        pushed.uri = str(folder)
        pushed.set_int_custom_property(MODEL_ID_PROPERTY, model.id)
        pushed.set_string_custom_property(VERSION_PROPERTY, str(version))
        pushed.set_string_custom_property(DIGEST_PROPERTY, digest)
        _put(handle, execution, context, {"pushed_model": [pushed]})
    else:
        push.custom_properties[MODEL_ID_PROPERTY].int_value = model.id
        handle.store.put_artifacts([push])


def _put(
    handle: metadata.Metadata,
    execution: metadata_store_pb2.Execution,
    context: metadata_store_pb2.Context,
    outputs: dict[str, list[Model | PushedModel]],
) -> None:
    for artifacts in outputs.values():
        for artifact in artifacts:
            artifact.mlmd_artifact.state = _Artifact.LIVE
    execution_lib.put_execution(handle, execution, [context], output_artifacts=outputs)


def _export(uri: str) -> Path:
    return Path(path_utils.serving_model_path(uri))


def _damaged(folders: dict[int, Path], version: int) -> str:
    older = max((number for number in folders if number < version), default=None)
    instead = f"so that version {older} is served and compared with" if older else "so that nothing is served"
    return (
        f"the served version {version} is damaged, and so is the model that it was copied from: remove "
        f"{folders[version]} {instead}, or compare with nothing by --set gates.evaluation.baseline=none"
    )
