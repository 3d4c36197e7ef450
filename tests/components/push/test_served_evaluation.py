"""Which evaluation is the one by which the baseline was pushed, in a real ML Metadata store."""

import pytest
from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.types import standard_artifacts

from components.push.served_evaluation import ServedEvaluationStrategy
from components.pushed_model import MODEL_ID_PROPERTY

pytestmark = pytest.mark.tensorflow


class History:
    """Runs, each with an evaluation and some with a push."""

    def __init__(self, folder):
        connection = metadata_store_pb2.ConnectionConfig()
        connection.fake_database.SetInParent()
        self.store = MetadataStore(connection)
        self.inputs = {"evaluation": [], "pushed_model": [], "model": []}
        self._folder = folder
        self._types = {
            name: self.store.put_artifact_type(metadata_store_pb2.ArtifactType(name=name))
            for name in ("ModelEvaluation", "PushedModel")
        }
        self._node_type = self.store.put_execution_type(metadata_store_pb2.ExecutionType(name="node"))
        self._run_type = self.store.put_context_type(metadata_store_pb2.ContextType(name="pipeline_run"))

    def run(self, *, pushed: int | None) -> int:
        """Add a run that pushed a model, or was refused; returns the id of its evaluation."""
        context = metadata_store_pb2.Context(type_id=self._run_type, name=f"run-{len(self.inputs['evaluation'])}")
        [context.id] = self.store.put_contexts([context])
        # Resolvers put what they find into the context of their run.
        found = [
            metadata_store_pb2.Attribution(artifact_id=push.id, context_id=context.id)
            for push in self.inputs["pushed_model"]
        ]
        self.store.put_attributions_and_associations(found, [])
        evaluation = self._artifact(standard_artifacts.ModelEvaluation(), context)
        self.inputs["evaluation"].append(evaluation)
        if pushed is not None:
            push = self._artifact(standard_artifacts.PushedModel(), context)
            push.set_int_custom_property(MODEL_ID_PROPERTY, pushed)
            self.inputs["pushed_model"].append(push)
        return evaluation.id

    def of(self, *models: int) -> list[int]:
        """What is resolved if the baseline is this model."""
        self.inputs["model"] = []
        for number in models:
            model = standard_artifacts.Model()
            model.id = number
            self.inputs["model"].append(model)
        resolved = ServedEvaluationStrategy().resolve_artifacts(self.store, self.inputs)
        return [evaluation.id for evaluation in resolved["evaluation"]]

    def _artifact(self, artifact, run: metadata_store_pb2.Context):
        """Let a node of a run make it."""
        made = metadata_store_pb2.Artifact(type_id=self._types[artifact.type_name])
        event = metadata_store_pb2.Event(type=metadata_store_pb2.Event.OUTPUT)
        node = metadata_store_pb2.Execution(type_id=self._node_type)
        _, [artifact.id], _ = self.store.put_execution(node, [(made, event)], [run])
        artifact.uri = str(self._folder / str(artifact.id))
        (self._folder / str(artifact.id)).mkdir()
        return artifact


def test_the_evaluation_of_the_run_that_pushed_the_baseline(tmp_path):
    history = History(tmp_path)
    assert history.of() == history.of(7) == []
    history.run(pushed=None)
    first = history.run(pushed=7)
    second = history.run(pushed=8)
    history.run(pushed=None)
    assert history.of(7) == [first]
    assert history.of(8) == [second]
    # Nothing is known of a model that no run pushed.
    assert history.of() == history.of(9) == []
    # The same model, pushed again on other data, is compared with what it reached first, as long as that is there.
    again = history.run(pushed=7)
    assert history.of(7) == [first]
    (tmp_path / str(first)).rmdir()
    assert history.of(7) == [again]
