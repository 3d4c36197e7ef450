"""DataFingerprint: looks at the files before an ExampleGen on a platform, whose cache knows only its parameters.

Locally, ExampleGen's driver does this. Kubeflow Pipelines runs no drivers of TFX, and Vertex one that knows one span.
"""

from typing import Any, TypedDict

from tfx.dsl.component.experimental.decorators import component
from tfx.dsl.components.base.base_beam_component import BaseBeamComponent
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import Channel, standard_artifacts
from tfx.types.component_spec import ExecutionParameter
from tfx.types.standard_component_specs import FileBasedExampleGenSpec

from components.annotations import Parameter
from components.example_gen.executor import Executor
from components.example_gen.snapshot import SNAPSHOT, Snapshot

_Found = TypedDict("_Found", {"snapshot": str})  # noqa: UP013 (TFX evaluates the class form as text)


@component
def DataFingerprint(  # noqa: N802 (TFX names components as classes)
    input_base: Parameter[str],
    input_config: Parameter[str],
    custom_config: Parameter[str],
) -> _Found:
    """Find the newest spans and their files.

    Args:
        input_base: the data's folder, a path or ``gs://``.
        input_config: ExampleGen's property.
        custom_config: ExampleGen's property.

    Returns:
        A `Snapshot` as JSON.

    Raises:
        GateRefused: no file matches.
    """
    properties = {"input_base": input_base, "input_config": input_config, "custom_config": custom_config}
    return {"snapshot": Snapshot.taken(properties).model_dump_json()}


class SnapshotExampleGenSpec(FileBasedExampleGenSpec):
    """TFX's properties and the snapshot."""

    PARAMETERS = {**FileBasedExampleGenSpec.PARAMETERS, SNAPSHOT: ExecutionParameter(type=str)}


class SnapshotExampleGen(BaseBeamComponent):
    """Reads the files of a snapshot, which is a part of its cache key.

    No FileBasedExampleGen: TFX would add its driver for Vertex.
    """

    SPEC_CLASS = SnapshotExampleGenSpec
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)

    def __init__(self, **properties: Any):
        super().__init__(spec=SnapshotExampleGenSpec(examples=Channel(type=standard_artifacts.Examples), **properties))
