"""Runs the DAG in this process, node by node, and reports on each.

TFX's LocalDagRunner runs the same loop, but reports no progress, logs the connection to the metadata
database with its password, loses the reason of a failure, and continues after a failed Resolver.
"""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable

from ml_metadata import MetadataStore, errors
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.portable import data_types, launcher, partial_run_utils, runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

from components.refusal import GateRefused
from pipeline.running import artifact_files, garbage_collection, interrupts
from pipeline.running.events import (
    CACHE_OFF,
    NEVER_CACHED,
    REFUSED_PROPERTY,
    UNCACHED_PROPERTY,
    NodeEnd,
    NodeFailed,
)
from pipeline.running.metadata import RUN_CONTEXT, SUCCEEDED, executions
from pipeline.running.reasons import reason_of
from pipeline.running.recovery.executions import mark_failed
from trainer.refusal import TrainingRefused

logger = logging.getLogger(__name__)
_State = metadata_store_pb2.Execution.State


class ObservedRunner(LocalDagRunner):
    """LocalDagRunner with an observer.

    Args:
        uncached: IDs of nodes that are never cached.
        on_start: called with a node's id before it runs.
        on_end: called when a node has ended, or is not part of the run.
        check: raises KeyboardInterrupt if a signal came: Beam turns that exception into another.

    Attributes:
        run_id: ID of the run in ML Metadata, once it started.
    """

    def __init__(
        self,
        *,
        uncached: frozenset[str],
        on_start: Callable[[str], None],
        on_end: Callable[[NodeEnd], None],
        check: Callable[[], None] = lambda: None,
    ):
        super().__init__()
        self._uncached = uncached
        self._on_start = on_start
        self._on_end = on_end
        self._check = check
        self.run_id = ""

    def run_with_ir(self, pipeline: pipeline_pb2.Pipeline, run_options: pipeline_pb2.RunOptions | None = None) -> None:
        """Run every node that ``run_options`` asks for, in order.

        Raises:
            NodeFailed: a gate refused or a node broke; the reason is recorded with its execution.
        """
        self.run_id = run_id = datetime.datetime.now().isoformat()
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
        )
        deployment = runner_utils.extract_local_deployment_config(pipeline)
        connections = deployment.metadata_connection_config
        connection = getattr(connections, connections.WhichOneof("connection_config"))
        if run_options:
            partial_run_utils.mark_pipeline(
                pipeline,
                from_nodes=run_options.partial_run.from_nodes or None,
                to_nodes=run_options.partial_run.to_nodes or None,
                snapshot_settings=run_options.partial_run.snapshot_settings,
            )
        for node in (wrapper.pipeline_node for wrapper in pipeline.nodes):
            if node.execution_options.HasField("skip"):
                self._on_end(NodeEnd(node=node.node_info.id, state="not run"))
                continue
            if node.node_info.id in self._uncached:
                node.execution_options.caching_options.enable_cache = False
            self._run_node(node, pipeline, deployment, connection, run_id)

    def _run_node(
        self,
        node: pipeline_pb2.PipelineNode,
        pipeline: pipeline_pb2.Pipeline,
        deployment: object,
        connection: metadata_store_pb2.ConnectionConfig,
        run_id: str,
    ) -> None:
        name = node.node_info.id
        self._on_start(name)
        start = time.monotonic()
        try:
            if node.execution_options.run.perform_snapshot:
                with metadata.Metadata(connection) as handle:
                    partial_run_utils.snapshot(handle, pipeline)
            node_launcher = launcher.Launcher(
                pipeline_node=node,
                mlmd_connection=metadata.Metadata(connection),
                pipeline_info=pipeline.pipeline_info,
                pipeline_runtime_spec=pipeline.runtime_spec,
                executor_spec=runner_utils.extract_executor_spec(deployment, name),
                custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, name),
            )
            info = self._launch(node_launcher)
        except KeyboardInterrupt:
            record_reason(MetadataStore(connection), run_id=run_id, node=name, reason=interrupts.REASON)
            raise
        except Exception as error:
            failure = NodeFailed(
                node=name, reason=reason_of(error), refused=isinstance(error, (GateRefused, TrainingRefused))
            )
            record_reason(
                MetadataStore(connection), run_id=run_id, node=name, reason=failure.reason, refused=failure.refused
            )
            state = "refused" if failure.refused else "failed"
            self._on_end(NodeEnd(node=name, state=state, seconds=time.monotonic() - start, reason=failure.reason))
            raise failure from error
        if info is None or info.execution_id is None:
            raise NodeFailed(node=name, reason="TFX recorded no execution", refused=False)
        store = MetadataStore(connection)
        [execution] = store.get_executions_by_id([info.execution_id])
        if not node.execution_options.caching_options.enable_cache:
            why = NEVER_CACHED if name in self._uncached else CACHE_OFF
            execution.custom_properties[UNCACHED_PROPERTY].string_value = why
            store.put_executions([execution])
        if execution.last_known_state == _State.FAILED:
            self._on_end(NodeEnd(node=name, state="failed", seconds=time.monotonic() - start))
            raise NodeFailed(node=name, reason="its inputs could not be resolved", refused=False)
        cached = execution.last_known_state == _State.CACHED
        if not cached:
            artifact_files.record(MetadataStore(connection), execution.id)
            garbage_collection.after_node()
        self._on_end(NodeEnd(node=name, state="cached" if cached else "done", seconds=time.monotonic() - start))

    def _launch(self, node_launcher: launcher.Launcher) -> data_types.ExecutionInfo | None:
        try:
            return node_launcher.launch()
        except Exception:
            self._check()
            raise


def record_reason(store: MetadataStore, *, run_id: str, node: str, reason: str, refused: bool = False) -> None:
    """Write why a node refused or failed to its execution, which TFX leaves FAILED without a reason, or RUNNING.

    A node that fails before it has an execution leaves none.
    """
    try:
        run = store.get_context_by_type_and_name(RUN_CONTEXT, run_id)
        execution = executions(store, run).get(node) if run else None
        if execution and execution.last_known_state not in SUCCEEDED:
            execution.custom_properties[REFUSED_PROPERTY].int_value = int(refused)
            mark_failed(store, [execution], reason=reason)
    except errors.StatusError as error:
        # On a full disk: what ended the node must not get lost for that.
        logger.warning("The reason of %s is not recorded: %s", node, error)
