"""What is known of the data on which the model was trained that is being served."""

from __future__ import annotations

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.common.resolver import Resolver, ResolverStrategy
from tfx.dsl.io import fileio
from tfx.types import Artifact

from components.gates.data.drift import profile

_RUN_CONTEXT = "pipeline_run"
_OUTPUT = metadata_store_pb2.Event.OUTPUT


class ServedStatisticsStrategy(ResolverStrategy):
    """Resolves ``statistics`` and ``profile`` to those of the run that pushed last, or to nothing if there are none.

    Expects the keys ``statistics``, ``pushed_model``, which is resolved to that push, and ``profile`` with the outputs
    of DataGate, among others of their type. A run that was refused left statistics, too, but they are not those of what
    is served.

    Args:
        enabled: False for none, regardless of earlier pushes.
    """

    def __init__(self, enabled: bool = True):
        self._enabled = enabled

    def resolve_artifacts(
        self, store: MetadataStore, input_dict: dict[str, list[Artifact]]
    ) -> dict[str, list[Artifact]]:
        """Choose the statistics; see the class."""
        pushes = sorted(input_dict["pushed_model"], key=lambda artifact: artifact.id, reverse=True)
        pushes = pushes[:1] if self._enabled else []
        of_run = {artifact for push in pushes for artifact in _made_with(store, push)}
        found = {
            key: [artifact for artifact in input_dict[key] if artifact.id in of_run and is_there(artifact.uri)]
            for key, is_there in (("statistics", fileio.isdir), ("profile", profile.is_kept))
        }
        newest = {key: sorted(several, key=lambda artifact: artifact.id)[-1:] for key, several in found.items()}
        return {**input_dict, **newest, "pushed_model": pushes}


def _made_with(store: MetadataStore, push: Artifact) -> set[int]:
    """The ids of what the nodes of the run that pushed have made, or taken from the cache.

    Resolvers put out what other runs have made: in later runs the push itself, in this one the data that were served
    before.
    """
    resolvers = {found.id for found in store.get_execution_types() if found.name == Resolver.get_class_type()}
    pushers = [event.execution_id for event in store.get_events_by_artifact_ids([push.id]) if event.type == _OUTPUT]
    runs = {
        run.id
        for execution in store.get_executions_by_id(pushers)
        if execution.type_id not in resolvers
        for run in store.get_contexts_by_execution(execution.id)
        if run.type == _RUN_CONTEXT
    }
    nodes = [node for run in runs for node in store.get_executions_by_context(run) if node.type_id not in resolvers]
    events = store.get_events_by_execution_ids([node.id for node in nodes]) if nodes else []
    return {event.artifact_id for event in events if event.type == _OUTPUT}
