"""The main job: run the DAG, query the pushed model over gRPC, and print the summary."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from components.messages import one_line
from pipeline import node_range
from pipeline.config.config import Config
from pipeline.config.gates.evaluation import Confidence
from pipeline.config.loading import ConfigError
from pipeline.running import console as terminal
from pipeline.running import garbage_collection, webhook
from pipeline.running.events import NodeEnd, NodeFailed
from pipeline.running.folder import disk
from pipeline.running.folder.run_folder import RunFolderBusy, exclusive
from pipeline.running.folder.scratch import temporary_files_in
from pipeline.running.interrupts import Interrupts
from pipeline.running.live.model_server import ModelServer
from pipeline.running.recovery import recovery
from serving.processes import warm_up
from trainer.distribution.preemption import RESUMABLE_EXIT_CODE, Preempted

if TYPE_CHECKING:
    from pipeline.running.live.live_check import LiveAnswer

logger = logging.getLogger(__name__)
DONE, BROKEN, REFUSED = 0, 1, 3
_REASON = 300
_ASKED_ROWS = 3
_PUSHER = "Pusher"


def run(
    config: Config, *, from_node: str | None, to_node: str | None, wait: bool, verbose: bool, bless_anyway: str = ""
) -> int:
    """Run the pipeline that ``config`` describes, or the part between two nodes.

    Args:
        config: the pipeline.
        from_node: the first node to run; None for the DAG's first.
        to_node: the last node to run; None for the DAG's last.
        wait: whether to wait for another run in the same folder instead of refusing.
        verbose: whether all logs go to the terminal.
        bless_anyway: why ModelGate and ReferenceGate do not refuse in this run; empty if they may.

    Returns:
        0 done, 3 a gate refused, 75 the training was preempted and can resume, 1 a node failed or the run folder is in
        use.

    Raises:
        ConfigError: there is no such part, the Beam engine does not answer or cannot run the pipeline, or the run
            folder cannot be used as it is.
        KeyboardInterrupt: Ctrl-C was pressed, or SIGTERM came.
    """
    folder, log_file = config.run_folder, None
    try:
        with exclusive(folder, on_wait=_print if wait else None):
            log_file = folder / "logs" / f"{datetime.now():%Y%m%d-%H%M%S}.log"
            with terminal.quiet(log_file, verbose=verbose) as console, _prepared(config) as interrupts:
                progress = terminal.NodeProgress(console)
                local_run = LocalRun(
                    config=config,
                    log_file=log_file,
                    progress=progress,
                    interrupts=interrupts,
                    bless_anyway=bless_anyway,
                )
                try:
                    local_run.run(from_node, to_node)
                finally:
                    progress.stop()
        garbage_collection.before_exit()
        return DONE
    except NodeFailed as failure:
        return _failed(failure, log_file=log_file, folder=folder)
    except recovery.RunFolderBroken as error:
        raise ConfigError(str(error)) from None
    except RunFolderBusy as error:
        print(error, file=sys.stderr)
        return BROKEN
    except Exception as error:
        if isinstance(error, ConfigError) or not disk.is_full(error, folder):
            raise
        print(disk.full(folder), file=sys.stderr)
        return BROKEN


def _failed(failure: NodeFailed, *, log_file: Path | None, folder: Path) -> int:
    if isinstance(failure.__cause__, Preempted):
        print(failure.__cause__, file=sys.stderr)
        return RESUMABLE_EXIT_CODE
    if failure.refused:
        print(one_line(f"{failure.node} refused: {failure.reason}"), file=sys.stderr)
        return REFUSED
    if disk.is_full(failure, folder):
        print(f"{failure.node} failed: {disk.full(folder)}", file=sys.stderr)
        return BROKEN
    print(one_line(f"{failure.node} failed: {failure.reason}"), file=sys.stderr)
    print(f"The log has the details: {log_file}", file=sys.stderr)
    return BROKEN


def _print(line: str) -> None:
    print(line, flush=True)


@contextmanager
def _prepared(config: Config) -> Iterator[Interrupts]:
    """Clear away what dead runs left, and what this one leaves when it is interrupted."""
    recovery.prepare(config)
    with Interrupts() as interrupts, temporary_files_in(config.scratch_folder):
        try:
            yield interrupts
        except KeyboardInterrupt:
            recovery.clear(config)
            raise


@dataclass(frozen=True, kw_only=True)
class LocalRun:
    """One run.

    Attributes:
        config: the pipeline.
        log_file: receives everything that TFX and TensorFlow print.
        progress: the terminal's output.
        interrupts: checked before every node.
        bless_anyway: why a model is pushed that a gate of models would refuse; empty to refuse.
    """

    config: Config
    log_file: Path
    progress: terminal.NodeProgress
    interrupts: Interrupts
    bless_anyway: str = ""

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
            from pipeline.beam.quick_nodes import quick_nodes
            from pipeline.running import artifact_files, runner, served_model
            from trainer.distribution.virtual_devices import split_cpu

        if config.trainer.loop.virtual_devices:
            # Before any node runs TensorFlow.
            split_cpu(config.trainer.loop.virtual_devices)
        built = dag.build(config, bless_anyway=self.bless_anyway)
        engine = beam_engine.EngineCheck(config, nodes=built.pipeline.components, progress=progress)
        nodes = [node.id for node in built.pipeline.components]
        options = node_range.run_options(nodes, config.metadata_source, from_node=from_node, to_node=to_node)
        with terminal.node_messages(progress):
            served_model.prepare(config)
        progress.end(NodeEnd(node="start-up", state="done", seconds=time.monotonic() - start))

        def start_node(node: str) -> None:
            self.interrupts.check()
            engine.before(node)
            progress.start(node)

        observed = runner.ObservedRunner(
            uncached=built.uncached, on_start=start_node, on_end=progress.end, check=self.interrupts.check
        )
        # The server starts before the push and finds the new version as TF Serving would: by polling.
        with ModelServer(model_name=config.serving.model_name, base_path=config.serving_folder) as server:
            guard = beam_guard.guarded(config.beam.limit_minutes)
            try:
                with (
                    terminal.node_messages(progress),
                    artifact_files.checked_cache(),
                    quick_nodes(),
                    guard,
                ):
                    observed.run(built.pipeline, run_options=options)
            except NodeFailed as failure:
                self._say_what_was_seen(failure, run_id=observed.run_id)
                self._notify(failure, run_id=observed.run_id)
                # A machine that is taken away leaves no time; the next run writes the page.
                if not isinstance(failure.__cause__, Preempted):
                    self._report()
                raise
            if to_node in (None, _PUSHER):
                self._query_and_report(server, run_id=observed.run_id, start=start)
            else:
                self._report()

    def _say_what_was_seen(self, failure: NodeFailed, *, run_id: str) -> None:
        from pipeline.report import hints

        if failure.node in hints.GATES:
            for hint in hints.hints(self.config, run_id=run_id):
                self.progress.note(hint)

    def _notify(self, failure: NodeFailed, *, run_id: str) -> None:
        url = self.config.notify.webhook
        if url is None or not failure.refused:
            return
        told = webhook.notice(pipeline=self.config.name, gate=failure.node, reason=failure.reason, run=run_id)
        problem = webhook.send(url, told)
        if problem:
            self.progress.note(f"notify.webhook was not told: {problem}")

    def _query_and_report(self, server: ModelServer, *, run_id: str, start: float) -> None:
        from pipeline.report import results, summary
        from pipeline.running.live import live_check

        config, progress = self.config, self.progress
        began = time.monotonic()
        progress.start("live check")
        confidence = config.gates.evaluation.confidence or Confidence()
        found = results.read(config, run_id=run_id, level=confidence.level)
        rows = live_check.sample_rows(found.examples_uri, split="eval", count=_ASKED_ROWS)
        answers = live_check.ask(server.target(), config=config, version=found.version, rows=rows)
        progress.end(NodeEnd(node="live check", state="done", seconds=time.monotonic() - began))
        page = self._report(answers)
        seconds = time.monotonic() - start
        progress.summary(summary.lines(config, found, answers, seconds=seconds, log_file=self.log_file, page=page))

    def _report(self, answers: Sequence[LiveAnswer] = ()) -> Path | None:
        """Write the page of this run; what goes wrong is a notice, and changes nothing about the run."""
        began = time.monotonic()
        self.progress.start("report")
        try:
            from pipeline.report import page

            path = page.write_last(self.config, answers)
        except Exception as error:
            self.progress.note(one_line(f"it was not written: {type(error).__name__}: {error}", limit=_REASON))
            logger.warning("the report", exc_info=True)
            self.progress.stop()
            return None
        self.progress.end(NodeEnd(node="report", state="done", seconds=time.monotonic() - began))
        return path
