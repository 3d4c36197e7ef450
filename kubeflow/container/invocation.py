"""Converts an orchestrator's invocation of a container into one that TFX's executors can read.

Kubeflow Pipelines omits the types of input artifacts, passes structures where TFX expects their JSON, and may add an
output for the logs. The object store is visible as folders, but executors cannot write there as on a disk: FUSE cannot
rename a folder, which Transform does, and the remains of a failed attempt would stay. So executors write their outputs
to a scratch folder, and the outputs are moved at the end; executors with `MADE_ELSEWHERE` are the exception.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import json_format, struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2
from kfp.pipeline_spec.pipeline_spec_pb2 import ExecutorInput, ParameterType, RuntimeArtifact
from tfx.dsl.io import fileio

from kubeflow.container.mounts import Mounts, back

# Types of Kubeflow's own outputs; TFX's begin with "tfx." or name a class.
_NATIVE = "system."
# If this attribute of an executor class is true, other machines write its outputs, through the same mounts.
MADE_ELSEWHERE = "OUTPUTS_MADE_ELSEWHERE"


def repaired(given: ExecutorInput, spec: pipeline_spec_pb2.ComponentInputsSpec) -> ExecutorInput:
    """A copy of ``given`` that TFX can read.

    Args:
        given: invocation as the orchestrator sent it.
        spec: component's own declaration, with the types of its input artifacts and parameters.
    """
    result = ExecutorInput()
    result.CopyFrom(given)
    for key, artifacts in result.inputs.artifacts.items():
        if key in spec.artifacts:
            for artifact in artifacts.artifacts:
                artifact.type.CopyFrom(spec.artifacts[key].artifact_type)
    for key, artifacts in given.outputs.artifacts.items():
        if any(artifact.type.schema_title.startswith(_NATIVE) for artifact in artifacts.artifacts):
            del result.outputs.artifacts[key]
    for key, value in given.inputs.parameter_values.items():
        if value.WhichOneof("kind") in ("null_value", None):
            del result.inputs.parameter_values[key]
        else:
            result.inputs.parameter_values[key].CopyFrom(_declared(value, spec.parameters[key].parameter_type))
    return result


def _declared(value: struct_pb2.Value, kind: int) -> struct_pb2.Value:
    """``value`` in the type that the component declares; a runtime parameter arrives as its submitter wrote it."""
    plain: Any = json_format.MessageToDict(value)
    if kind in (ParameterType.NUMBER_INTEGER, ParameterType.NUMBER_DOUBLE):
        return struct_pb2.Value(number_value=float(plain))
    if kind == ParameterType.BOOLEAN:
        return struct_pb2.Value(bool_value=plain if isinstance(plain, bool) else json.loads(str(plain).lower()))
    if isinstance(plain, dict | list) or (kind == ParameterType.STRING and not isinstance(plain, str)):
        text = json.dumps(json.loads(json.dumps(plain), parse_float=_number))
        return struct_pb2.Value(string_value=text)
    return value


def _number(text: str) -> int | float:
    """A number of a protobuf value, which has no integers."""
    number = float(text)
    return int(number) if number.is_integer() else number


class OnDisk:
    """An invocation whose artifacts are files on this machine.

    Args:
        given: invocation, `repaired`.
        mounts: folders of the object store.
        scratch: new folder for the outputs, with the name of the task.
        shared: whether the executor writes its outputs to the mounts, where other machines see them.

    Attributes:
        invocation: invocation for TFX, with its inputs in the mounts and its outputs in ``scratch``.
    """

    def __init__(self, given: ExecutorInput, *, mounts: Mounts, scratch: Path, shared: bool = False):
        self.invocation = ExecutorInput()
        self.invocation.CopyFrom(given)
        self._given, self._mounts = given, mounts
        self._uris: dict[str, str] = {}
        self._moves: list[tuple[Path, Path]] = []
        for artifact in _artifacts(self.invocation.inputs.artifacts):
            if path := mounts.local(artifact.uri):
                self._uris[path] = artifact.uri
                artifact.uri = path
        for number, artifact in enumerate(_artifacts(self.invocation.outputs.artifacts)):
            if path := mounts.local(artifact.uri):
                # Keep the name: it may be a version.
                made = Path(path) if shared else scratch / "outputs" / str(number) / Path(path).name
                self._uris[str(made)] = artifact.uri
                if not shared:
                    self._moves.append((made, Path(path)))
                artifact.uri = str(made)
        self._file = Path(mounts.local(given.outputs.output_file) or given.outputs.output_file)
        self._made_file = scratch / self._file.name
        self.invocation.outputs.output_file = str(self._made_file)
        if self._file.exists():
            # On Vertex, the driver of an ExampleGen has run before, and left the parameters that it resolved.
            scratch.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._file, self._made_file)

    def publish(self) -> None:
        """Move the outputs to where the orchestrator looks for them; the executor output is the last."""
        for made, target in self._moves:
            # Remains of an attempt that was stopped in the middle of this.
            shutil.rmtree(target, ignore_errors=True)
            if made.exists():
                _move(made, target)
        output = pipeline_spec_pb2.ExecutorOutput()
        json_format.Parse(self._made_file.read_text(), output)
        for artifact in _artifacts(output.artifacts):
            artifact.uri = back(artifact.uri, self._uris)
            for value in artifact.metadata.fields.values():
                if value.HasField("string_value"):
                    value.string_value = back(value.string_value, self._uris)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json_format.MessageToJson(output))


class InStore:
    """An invocation whose workers are on other machines: the artifacts stay where they are, in the object store.

    Args:
        given: invocation, `repaired`.

    Attributes:
        invocation: invocation for TFX. Beam puts its temporary files beside the output file, so this is in the object
            store, too.
    """

    def __init__(self, given: ExecutorInput):
        self.invocation = ExecutorInput()
        self.invocation.CopyFrom(given)
        self._file = given.outputs.output_file
        if "://" not in self._file:
            first = next(_artifacts(given.outputs.artifacts))
            self.invocation.outputs.output_file = f"{first.uri.rpartition('/')[0]}/{Path(self._file).name}"

    def publish(self) -> None:
        """Copy the executor output to where the orchestrator looks for it."""
        made = self.invocation.outputs.output_file
        if made != self._file:
            fileio.copy(made, self._file, overwrite=True)


def _artifacts(by_key) -> Iterator[RuntimeArtifact]:  # noqa: ANN001 (a protobuf map has no public type)
    return (artifact for key in sorted(by_key) for artifact in by_key[key].artifacts)


def _move(made: Path, target: Path) -> None:
    """Move a file or a folder with all that is in it."""
    if made.is_dir():
        # An empty folder is information, too; an object store may not keep it.
        target.mkdir(parents=True, exist_ok=True)
        for path in made.iterdir():
            _move(path, target / path.name)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # Not shutil.move: it copies modes and times, which FUSE does not have.
    shutil.copyfile(made, target)
    made.unlink()
