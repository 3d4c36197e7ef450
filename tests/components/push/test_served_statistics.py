"""Which statistics are those of the served model's data, in a real ML Metadata store."""

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.types import standard_artifacts

from components.push.served_statistics import ServedStatisticsStrategy

pytestmark = pytest.mark.tensorflow

_OUTPUT, _FOUND = metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.INTERNAL_OUTPUT


@pytest.fixture
def store() -> MetadataStore:
    connection = metadata_store_pb2.ConnectionConfig()
    connection.fake_database.SetInParent()
    return MetadataStore(connection)


def test_those_of_the_run_that_pushed_not_of_a_later_one_that_was_refused(store, tmp_path):
    types = {
        name: store.put_artifact_type(metadata_store_pb2.ArtifactType(name=name))
        for name in ("ExampleStatistics", "PushedModel")
    }
    node = store.put_execution_type(metadata_store_pb2.ExecutionType(name="node"))
    run_type = store.put_context_type(metadata_store_pb2.ContextType(name="pipeline_run"))

    def put(run: str, artifact, event=_OUTPUT):
        made = metadata_store_pb2.Artifact(type_id=types[artifact.type_name])
        if artifact.id:
            made.id = artifact.id
        context = metadata_store_pb2.Context(type_id=run_type, name=run)
        execution = metadata_store_pb2.Execution(type_id=node)
        pair = (made, metadata_store_pb2.Event(type=event))
        _, [artifact.id], _ = store.put_execution(execution, [pair], [context], reuse_context_if_already_exist=True)
        artifact.uri = str(tmp_path / str(artifact.id))
        (tmp_path / str(artifact.id)).mkdir(exist_ok=True)
        return artifact

    served = put("first", standard_artifacts.ExampleStatistics())
    push = put("first", standard_artifacts.PushedModel())
    # The resolver of the second run puts what it finds into the context of that run.
    for artifact in (served, push):
        put("second", artifact, _FOUND)
    refused = put("second", standard_artifacts.ExampleStatistics())
    inputs = {"statistics": [served, refused], "profile": [], "pushed_model": [push]}
    resolved = ServedStatisticsStrategy().resolve_artifacts(store, inputs)
    assert [found.id for found in resolved["statistics"]] == [served.id]
    assert ServedStatisticsStrategy(enabled=False).resolve_artifacts(store, inputs)["statistics"] == []
