"""What else was made in the run that made an artifact."""

from __future__ import annotations

from ml_metadata import MetadataStore
from ml_metadata.proto import metadata_store_pb2

_RUN_CONTEXT = "pipeline_run"
_OUTPUT = metadata_store_pb2.Event.OUTPUT


def made_beside(store: MetadataStore, artifact: int) -> set[int]:
    """The artifacts that nodes made, or took from the cache, in the run that made this one.

    A run's context does not tell: resolvers put what they find into the contexts of later runs, too.
    """
    makers = [event.execution_id for event in store.get_events_by_artifact_ids([artifact]) if event.type == _OUTPUT]
    runs = [run for maker in makers for run in store.get_contexts_by_execution(maker) if run.type == _RUN_CONTEXT]
    executions = [execution.id for run in runs for execution in store.get_executions_by_context(run.id)]
    events = store.get_events_by_execution_ids(executions) if executions else []
    return {event.artifact_id for event in events if event.type == _OUTPUT}
