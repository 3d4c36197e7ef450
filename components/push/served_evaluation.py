"""The evaluation by which the baseline was pushed: it says what that model reached then."""

from __future__ import annotations

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.io import fileio
from tfx.types import Artifact

from components.push.pusher import MODEL_ID_PROPERTY

_RUN_CONTEXT = "pipeline_run"
_OUTPUT = metadata_store_pb2.Event.OUTPUT


class ServedEvaluationStrategy(ResolverStrategy):
    """Resolves ``evaluation`` to that of the run that pushed ``model``, or to nothing.

    Expects the keys ``evaluation``, ``pushed_model`` and ``model``, the baseline; without one there is nothing to find.
    Runs that were refused, or that evaluated the model as a baseline, left evaluations, too.
    """

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]]:
        """Choose the evaluation; see the class."""
        models = {model.id for model in input_dict.get("model", ())}
        pushes = sorted(input_dict["pushed_model"], key=lambda artifact: artifact.id)
        for push in pushes:
            if push.get_int_custom_property(MODEL_ID_PROPERTY) not in models:
                continue
            made = _made_beside(store, push.id)
            found = [each for each in input_dict["evaluation"] if each.id in made and fileio.isdir(each.uri)]
            if found:
                return {**input_dict, "evaluation": [max(found, key=lambda each: each.id)]}
        return {**input_dict, "evaluation": []}


def _made_beside(store: MetadataStore, artifact: int) -> set[int]:
    """The artifacts that nodes made, or took from the cache, in the run that made this one.

    A run's context does not tell: resolvers put what they find into the contexts of later runs, too.
    """
    makers = [event.execution_id for event in store.get_events_by_artifact_ids([artifact]) if event.type == _OUTPUT]
    runs = [run for maker in makers for run in store.get_contexts_by_execution(maker) if run.type == _RUN_CONTEXT]
    executions = [execution.id for run in runs for execution in store.get_executions_by_context(run.id)]
    events = store.get_events_by_execution_ids(executions) if executions else []
    return {event.artifact_id for event in events if event.type == _OUTPUT}
