"""Metadata rebuilt from the artifacts' folders: what was made, by which node, in which order, and what was pushed.

The names of the folders tell the node, the output and the execution; the bytes of a served version tell which model it
is. What they cannot tell is lost: reasons, verdicts, and the keys of the cache, so the next run computes every node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import execution_publish_utils, outputs_utils, runtime_parameter_utils
from tfx.orchestration.portable.mlmd import context_lib
from tfx.proto.orchestration import pipeline_pb2
from tfx.types import Artifact, artifact_utils
from tfx.utils import path_utils

from components import pushed_model
from components.gates.judged import model_digest
from components.push import pusher
from pipeline.config.config import Config
from pipeline.running.events import REASON_PROPERTY
from pipeline.running.folder import scratch
from pipeline.running.recovery import database
from pipeline.running.recovery.executions import unfinished_files
from serving.versions import version_folders

REASON = "rebuilt from the artifacts"
_TRAINER, _MODEL = "Trainer", "model"
_PUSHER, _PUSHED = "Pusher", "pushed_model"
_SPLIT, _SPLIT_NAMES = "Split-", "split_names"
_Artifacts = dict[str, list[Artifact]]


@dataclass(frozen=True, kw_only=True)
class _Made:
    """What one execution left.

    Attributes:
        id: the execution's, which names the folders.
        order: the node's place in the DAG.
        node: the node's id.
        folders: by output key.
    """

    id: int
    order: int
    node: str
    folders: Mapping[str, Path]

    def time(self) -> datetime:
        """When its artifacts were completed, about."""
        return datetime.fromtimestamp(max(folder.stat().st_mtime for folder in self.folders.values()))


def rebuild(config: Config, pipeline: Pipeline) -> None:
    """Write new metadata in place of those that are lost. The caller holds the run folder's lock.

    Artifacts of nodes that the pipeline no longer has are left out, and those that were half made are removed.
    """
    artifacts = config.run_folder / "artifacts"
    for path in unfinished_files(artifacts, set()):
        scratch.remove(path)
    file = config.scratch_folder / "rebuilt.sqlite"
    file.parent.mkdir(parents=True, exist_ok=True)
    database.remove(file)
    compiled = compiler.Compiler().compile(pipeline)
    made = list(_made([wrapper.pipeline_node.node_info.id for wrapper in compiled.nodes], artifacts))
    with metadata.Metadata(metadata.sqlite_metadata_connection_config(str(file))) as handle:
        _write(handle, compiled, made, artifacts=artifacts, serving=config.serving_folder)
    # Later executions must not write into the folders of earlier ones.
    database.begin_after(file, max((one.id for one in made), default=0))
    database.set_aside(config.metadata_file)
    file.rename(config.metadata_file)


def _made(nodes: Sequence[str], artifacts: Path) -> Iterator[_Made]:
    for order, node in enumerate(nodes):
        folders: dict[int, dict[str, Path]] = {}
        for folder in (artifacts / node).glob("[!.]*/[0-9]*"):
            folders.setdefault(int(folder.name), {})[folder.parent.name] = folder
        for number, by_key in folders.items():
            yield _Made(id=number, order=order, node=node, folders=by_key)


def _write(
    handle: metadata.Metadata, pipeline: pipeline_pb2.Pipeline, made: Sequence[_Made], *, artifacts: Path, serving: Path
) -> None:
    run_of: dict[int, _Run] = {}
    models: dict[int, Artifact] = {}
    for executions in _runs([one for one in made if one.node != _PUSHER]):
        run = _Run(handle, pipeline, artifacts, executions[0].time())
        for one in executions:
            outputs = run.publish(one)
            run_of[one.id] = run
            if one.node == _TRAINER and _MODEL in outputs:
                [models[one.id]] = outputs[_MODEL]
    # At the end and in the order of the versions: the push with the highest id counts as the last.
    trained = {model_digest(Path(path_utils.serving_model_path(model.uri))): number for number, model in models.items()}
    pushes = sorted(one.id for one in made if one.node == _PUSHER)
    found = version_folders.find(serving) if serving.is_dir() else {}
    for version, folder in sorted(found.items()):
        number = trained.get(model_digest(folder))
        if number is not None:
            push = next((push for push in pushes if push > number), number)
            run_of[number].publish_push(push, model=models[number], serving=serving, version=version)


def _runs(made: Sequence[_Made]) -> Iterator[list[_Made]]:
    """The executions by run. A run goes through the DAG in order, so a step back begins another.

    A run that ended early and the one that took its results from the cache appear as one, which is as good.
    """
    run: list[_Made] = []
    for one in sorted(made, key=lambda one: one.id):
        if run and one.order <= run[-1].order:
            yield run
            run = []
        run.append(one)
    if run:
        yield run


class _Run:
    """One run in the new metadata."""

    def __init__(self, handle: metadata.Metadata, pipeline: pipeline_pb2.Pipeline, artifacts: Path, began: datetime):
        self._handle = handle
        self._artifacts = artifacts
        own = pipeline_pb2.Pipeline()
        own.CopyFrom(pipeline)
        runtime_parameter_utils.substitute_runtime_parameter(
            own, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: began.isoformat()}
        )
        self._nodes = {wrapper.pipeline_node.node_info.id: wrapper.pipeline_node for wrapper in own.nodes}

    def publish(self, made: _Made) -> _Artifacts:
        """Record an execution with the artifacts whose folders exist."""
        outputs = self._outputs(made.node, made.id)
        there = {key: artifacts for key, artifacts in outputs.items() if key in made.folders}
        for key, [artifact] in there.items():
            splits = [path.name.removeprefix(_SPLIT) for path in sorted(made.folders[key].glob(f"{_SPLIT}*"))]
            if splits and _SPLIT_NAMES in artifact.artifact_type.properties:
                artifact.split_names = artifact_utils.encode_split_names(splits)
        return self._record(made.node, there)

    def publish_push(self, number: int, *, model: Artifact, serving: Path, version: int) -> None:
        """Record that a model was pushed, as the Pusher does."""
        outputs = self._outputs(_PUSHER, number)
        [pushed] = outputs[_PUSHED]
        pushed.set_int_custom_property("pushed", 1)
        pushed.set_int_custom_property(pushed_model.MODEL_ID_PROPERTY, model.id)
        pushed.set_int_custom_property("newly_pushed", 1)
        pushed.set_string_custom_property("pushed_destination", pusher.destination(str(serving), version))
        pushed.set_string_custom_property(pushed_model.VERSION_PROPERTY, str(version))
        pushed.set_string_custom_property(pushed_model.DIGEST_PROPERTY, model_digest(serving / str(version)))
        self._record(_PUSHER, outputs)

    def _outputs(self, node: str, number: int) -> _Artifacts:
        return outputs_utils.generate_output_artifacts(
            execution_id=number, outputs=self._nodes[node].outputs.outputs, node_dir=str(self._artifacts / node)
        )

    def _record(self, node: str, outputs: _Artifacts) -> _Artifacts:
        spec = self._nodes[node]
        contexts = context_lib.prepare_contexts(self._handle, spec.contexts)
        execution = execution_publish_utils.register_execution(
            self._handle, spec.node_info.type, contexts, exec_properties={REASON_PROPERTY: REASON}
        )
        published, _ = execution_publish_utils.publish_succeeded_execution(
            self._handle, execution.id, contexts, output_artifacts=outputs
        )
        # Copies of the outputs, with their ids.
        return {key: list(artifacts) for key, artifacts in (published or {}).items()}
