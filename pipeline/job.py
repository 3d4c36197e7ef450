"""The main job: run the DAG, ask the pushed model over gRPC, and tell the person what came out."""

from __future__ import annotations

import sys
import time
from datetime import datetime

from rich.console import Console

from pipeline import console as terminal
from pipeline.config import Config
from pipeline.events import NodeEnd, NodeFailed
from pipeline.loading import ConfigError
from pipeline.run_folder import RunFolderBusy, exclusive

DONE, BROKEN, REFUSED = 0, 1, 3
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
            return _run(config, console, from_node=from_node, to_node=to_node)
    except NodeFailed as failure:
        verb = "refused" if failure.refused else "failed"
        print(f"{failure.node} {verb}: {failure.reason}", file=sys.stderr)
        if not failure.refused:
            print(f"The log has the whole story: {log_file}", file=sys.stderr)
        return REFUSED if failure.refused else BROKEN
    except RunFolderBusy as error:
        print(error, file=sys.stderr)
        return BROKEN


def _run(config: Config, console: Console, *, from_node: str | None, to_node: str | None) -> int:
    start = time.monotonic()
    progress = terminal.Progress(console)
    console.print(f"[bold]{config.name}[/]  {config.data.path} → {config.serving_folder}", soft_wrap=True)

    progress.start("start-up")
    from tfx.orchestration.pipeline import RunOptions

    from pipeline import dag, runner

    pipeline = dag.build(config)
    _check_nodes([node.id for node in pipeline.components], from_node, to_node)
    progress.end(NodeEnd(node="start-up", state="done", seconds=time.monotonic() - start))

    options = None
    if from_node or to_node:
        options = RunOptions(from_nodes=[from_node] if from_node else None, to_nodes=[to_node] if to_node else None)
    observed = runner.ObservedRunner(uncached=dag.UNCACHED, on_start=progress.start, on_end=progress.end)
    with terminal.trainer_messages(progress):
        run_id = observed.run(pipeline, run_options=options)
    if to_node not in (None, _PUSHER):
        return DONE
    _finish(config, console, progress, run_id=run_id, start=start)
    return DONE


def _finish(config: Config, console: Console, progress: terminal.Progress, *, run_id: str, start: float) -> None:
    """Serve what was pushed, ask it, and print the summary."""
    from pipeline import live_check, results, summary

    found = results.read(config.metadata_file, run_id=run_id)
    began = time.monotonic()
    progress.start("live check")
    rows = live_check.sample_rows(found.examples_uri, split="eval", count=_ASKED_ROWS)
    with live_check.model_server(model_name=config.serving.model_name, base_path=config.serving_folder) as target:
        probabilities = live_check.ask(
            target, model_name=config.serving.model_name, version=found.version, rows=rows
        )
    answers = [
        live_check.Answer(row=row, probability=probability, truth=config.label.of(row))
        for row, probability in zip(rows, probabilities, strict=True)
    ]
    progress.end(NodeEnd(node="live check", state="done", seconds=time.monotonic() - began))
    console.print()
    for line in summary.lines(config, found, answers, seconds=time.monotonic() - start):
        console.print(line, soft_wrap=True, markup=False)


def _check_nodes(known: list[str], *named: str | None) -> None:
    for node in named:
        if node is not None and node not in known:
            raise ConfigError(f"there is no node {node!r}; the nodes are {', '.join(known)}.")
