"""Artifacts as a platform hands them to a container: through JSON, with every number a float."""

from __future__ import annotations

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as entrypoint
from tfx.orchestration.portable import outputs_utils
from tfx.types import Artifact


def on_a_platform(artifact: Artifact, *, name: str = "projects/1/metadataStores/default/artifacts/17") -> Artifact:
    """What the next node gets of an artifact that this node wrote."""
    outputs_utils.tag_output_artifacts_with_version({"it": [artifact]})
    written = json_format.MessageToJson(entrypoint.to_runtime_artifact(artifact, {}))
    runtime = json_format.Parse(written, pipeline_spec_pb2.RuntimeArtifact())
    runtime.name, runtime.type.schema_title = name, f"tfx.{type(artifact).__name__}"
    # As TFX's container entry point reads it.
    [parsed] = entrypoint.parse_raw_artifact_dict({"it": pipeline_spec_pb2.ArtifactList(artifacts=[runtime])})["it"]
    return parsed
