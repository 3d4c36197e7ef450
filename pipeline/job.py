"""The main job: run the DAG, query the pushed model over gRPC, and print the summary."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from components.messages import one_line
from pipeline.config.config import Config
from pipeline.running import console as terminal
from pipeline.running import garbage_collection, node_range
from pipeline.running.events import NodeEnd, NodeFailed
from pipeline.running.interrupts import Interrupts
from pipeline.running.model_server import ModelServer
from pipeline.running.run_folder import RunFolderBusy, exclusive
from serving.processes import warm_up
from trainer.distribution.preemption import RESUMABLE_EXIT_CODE, Preempted

DONE, BROKEN, REFUSED = 0, 1, 3
_ASKED_ROWS = 3
_PUSHER = "Pusher"


def run(config: Config, *, from_node: str | None, to_node: str | None, verbose: bool) -> int:
    """Run the pipeline that ``config`` describes, or the part between two nodes.

    Returns:
        0 done, 3 a gate refused, 75 the training was preempted and can resume, 1 a node failed or the run folder is in
        use.

    Raises:
        ConfigError: there is no such part, or the Beam engine does not answer or cannot run the pipeline.
    """
    log_file = config.run_folder / "logs" / f"{datetime.now():%Y%m%d-%H%M%S}.log"
    try:
        with exclusive(config.run_folder), terminal.quiet(log_file, verbose=verbose) as console:
            progress = terminal.NodeProgress(console)
            try:
                with Interrupts() as interrupts:
                    local_run = LocalRun(config=config, log_file=log_file, progress=progress, interrupts=interrupts)
                    local_run.run(from_node, to_node)
            finally:
                progress.stop()
        garbage_collection.before_exit()
        return DONE
    except NodeFailed as failure:
        if isinstance(failure.__cause__, Preempted):
            print(failure.__cause__, file=sys.stderr)
            return RESUMABLE_EXIT_CODE
        verb = "refused" if failure.refused else "failed"
        print(one_line(f"{failure.node} {verb}: {failure.reason}"), file=sys.stderr)
        if not failure.refused:
            print(f"The log has the details: {log_file}", file=sys.stderr)
        return REFUSED if failure.refused else BROKEN
    except RunFolderBusy as error:
        print(error, file=sys.stderr)
        return BROKEN


@dataclass(frozen=True, kw_only=True)
class LocalRun:
    """One run.

    Attributes:
        config: the pipeline.
        log_file: receives everything that TFX and TensorFlow print.
        progress: the terminal's output.
        interrupts: checked before every node.
    """

    config: Config
    log_file: Path
    progress: terminal.NodeProgress
    interrupts: Interrupts

    def run(self, from_node: str | None, to_node: str | None) -> None:
        """Run the nodes; after a push, query the pushed model and print the summary."""
        start = time.monotonic()
        config, progress = self.config, self.progress
        progress.title(f"{config.name}  {config.data.title} → {config.serving_folder}")
        warm_up()
        progress.start("start-up")
        with garbage_collection.importing():
            from pipeline import dag
            from pipeline.beam import engine as beam_engine
            from pipeline.beam import guard as beam_guard
            from pipeline.beam import histograms, memoization, source_columns
            from pipeline.running import runner

        built = dag.build(config)
        engine = beam_engine.EngineCheck(config, nodes=built.pipeline.components, progress=progress)
        nodes = [node.id for node in built.pipeline.components]
        options = node_range.run_options(nodes, config.metadata_file, from_node=from_node, to_node=to_node)
        progress.end(NodeEnd(node="start-up", state="done", seconds=time.monotonic() - start))

        def start_node(node: str) -> None:
            self.interrupts.check()
            engine.before(node)
            progress.start(node)

        observed = runner.ObservedRunner(uncached=built.uncached, on_start=start_node, on_end=progress.end)
        # The server starts before the push and finds the new version as TF Serving would: by polling.
        with ModelServer(model_name=config.serving.model_name, base_path=config.serving_folder) as server:
            guard = beam_guard.guarded(config.beam.limit_minutes)
            try:
                with (
                    terminal.node_messages(progress),
                    memoization.lean_beam(),
                    histograms.quick_histograms(),
                    source_columns.quick_source_columns(),
                    guard,
                ):
                    observed.run(built.pipeline, run_options=options)
            except NodeFailed as failure:
                self._say_what_was_seen(failure, run_id=observed.run_id)
                raise
            if to_node in (None, _PUSHER):
                self._query_and_report(server, run_id=observed.run_id, start=start)

    def _say_what_was_seen(self, failure: NodeFailed, *, run_id: str) -> None:
        from pipeline.report import hints

        if failure.node in hints.GATES:
            for hint in hints.hints(self.config, run_id=run_id):
                self.progress.note(hint)

    def _query_and_report(self, server: ModelServer, *, run_id: str, start: float) -> None:
        from pipeline.report import page, results, summary
        from pipeline.running import live_check

        config, progress = self.config, self.progress
        began = time.monotonic()
        progress.start("live check")
        found = results.read(config.metadata_file, run_id=run_id)
        rows = live_check.sample_rows(found.examples_uri, split="eval", count=_ASKED_ROWS)
        answers = live_check.ask(server.target(), config=config, version=found.version, rows=rows)
        page.write(config, found, answers)
        progress.end(NodeEnd(node="live check", state="done", seconds=time.monotonic() - began))
        seconds = time.monotonic() - start
        progress.summary(summary.lines(config, found, answers, seconds=seconds, log_file=self.log_file))
