"""The main job: run the DAG, ask the pushed model over gRPC, and tell the person what came out."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from pipeline import console as terminal
from pipeline import garbage, history
from pipeline.config import Config
from pipeline.events import NodeEnd, NodeFailed
from pipeline.loading import ConfigError
from pipeline.model_server import ModelServer
from pipeline.run_folder import RunFolderBusy, exclusive
from serving.processes import warm_up

DONE, BROKEN, REFUSED = 0, 1, 3
if TYPE_CHECKING:
    from tfx.orchestration.pipeline import RunOptions

_ASKED_ROWS = 3
_PUSHER = "Pusher"


def run(config: Config, *, from_node: str | None, to_node: str | None, verbose: bool) -> int:
    """Run the pipeline that ``config`` describes, or the part between two nodes.

    Returns:
        0 done, 3 a gate refused, 1 a node broke.

    Raises:
        ConfigError: a node is named that does not exist, or a part is to run before any whole run.
    """
    log_file = config.run_folder / "logs" / f"{datetime.now():%Y%m%d-%H%M%S}.log"
    try:
        with exclusive(config.run_folder), terminal.quiet(log_file, verbose=verbose) as console:
            _run(config, console, log_file, from_node=from_node, to_node=to_node)
        garbage.before_exit()
        return DONE
    except NodeFailed as failure:
        verb = "refused" if failure.refused else "failed"
        print(f"{failure.node} {verb}: {failure.reason}", file=sys.stderr)
        if not failure.refused:
            print(f"The log has the whole story: {log_file}", file=sys.stderr)
        return REFUSED if failure.refused else BROKEN
    except RunFolderBusy as error:
        print(error, file=sys.stderr)
        return BROKEN


def _run(config: Config, console: Console, log_file: Path, *, from_node: str | None, to_node: str | None) -> None:
    start = time.monotonic()
    progress = terminal.Progress(console)
    console.print(f"[bold]{config.name}[/]  {config.data.path} → {config.serving_folder}", soft_wrap=True)
    warm_up()
    progress.start("start-up")
    with garbage.importing():
        from pipeline import beam_tuning, dag, runner

    pipeline = dag.build(config)
    options = _run_options(config, [node.id for node in pipeline.components], from_node, to_node)
    progress.end(NodeEnd(node="start-up", state="done", seconds=time.monotonic() - start))

    observed = runner.ObservedRunner(uncached=dag.UNCACHED, on_start=progress.start, on_end=progress.end)
    # The server is up before the push and sees the new version as TF Serving would: by polling.
    with ModelServer(model_name=config.serving.model_name, base_path=config.serving_folder) as server:
        with terminal.trainer_messages(progress), beam_tuning.lean_beam():
            run_id = observed.run(pipeline, run_options=options)
        if to_node in (None, _PUSHER):
            _ask_and_tell(config, console, progress, server=server, run_id=run_id, start=start, log_file=log_file)


def _run_options(config: Config, known: list[str], from_node: str | None, to_node: str | None) -> RunOptions | None:
    """TFX's options for a part of the DAG; None for all of it.

    Raises:
        ConfigError: there is no such node, or the last run did not get as far as the part's first node.
    """
    from tfx.orchestration.pipeline import RunOptions

    for node in filter(None, (from_node, to_node)):
        if node not in known:
            raise ConfigError(f"there is no node {node!r}; the nodes are {', '.join(known)}.")
    if not from_node:
        return RunOptions(to_nodes=[to_node]) if to_node else None
    if to_node and known.index(to_node) < known.index(from_node):
        raise ConfigError(f"--to {to_node} comes before --from {from_node}; swap them.")
    store = history.open_store(config.metadata_file) if config.metadata_file.exists() else None
    runs = history.runs(store) if store else []
    if not runs:
        raise ConfigError(f"--from {from_node}: there is no earlier run to start from; run once without --from.")
    missing = history.first_not_done(store, runs[0], known[: known.index(from_node)])
    if missing:
        raise ConfigError(f"--from {from_node}: the last run did not finish {missing}; start with --from {missing}.")
    to_nodes = [to_node] if to_node else None
    return RunOptions(from_nodes=[from_node], to_nodes=to_nodes, base_pipeline_run_id=runs[0].name)


def _ask_and_tell(
    config: Config,
    console: Console,
    progress: terminal.Progress,
    *,
    server: ModelServer,
    run_id: str,
    start: float,
    log_file: Path,
) -> None:
    """Ask the server about real rows, and print the summary."""
    from pipeline import live_check, report, results, summary

    began = time.monotonic()
    progress.start("live check")
    found = results.read(config.metadata_file, run_id=run_id)
    rows = live_check.sample_rows(found.examples_uri, split="eval", count=_ASKED_ROWS)
    probabilities = live_check.ask(
        server.target(), model_name=config.serving.model_name, version=found.version, rows=rows
    )
    answers = [
        live_check.Answer(row=row, probability=probability, truth=config.label.of(row))
        for row, probability in zip(rows, probabilities, strict=True)
    ]
    report.write(config, found, answers)
    progress.end(NodeEnd(node="live check", state="done", seconds=time.monotonic() - began))
    console.print()
    for line in summary.lines(config, found, answers, seconds=time.monotonic() - start, log_file=log_file):
        console.print(line, soft_wrap=True, markup=False)
