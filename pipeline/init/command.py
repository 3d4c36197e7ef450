"""``python -m pipeline init``: a config and a schema for a table that nobody has described."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from pathlib import Path

from rich.console import Console

from components.messages import one_line
from pipeline.config.loading import ConfigError
from pipeline.environment import quiet_tensorflow
from pipeline.init.plan import Plan, plan_of
from pipeline.init.reading import source
from pipeline.init.updating import update
from pipeline.init.writing import table
from pipeline.init.writing.files import PipelineFiles, checked_name
from pipeline.running.console import quiet

_WIDTH = 160


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's flags."""
    parser.add_argument("--data", metavar="DATA", help="a file, a folder (also of pictures by class), or postgresql://")
    parser.add_argument("--label", metavar="COLUMN", help="the column to predict")
    parser.add_argument("--name", help="the pipeline's name (default: that of the file or folder)")
    parser.add_argument("--query", help="of a database: the query whose rows are the examples")
    parser.add_argument(
        "--task", choices=["binary", "multiclass", "regression"], help="(default: by the label's values)"
    )
    parser.add_argument("--dry-run", action="store_true", help="only print")
    parser.add_argument("--force", action="store_true", help="overwrite what is there; with --update, change it")
    parser.add_argument("--update", action="store_true", help="show what new data would change in config and schema")
    parser.add_argument("--verbose", action="store_true", help="show all logs, and tracebacks of errors")


def run(options: argparse.Namespace) -> int:
    """Look at the data, print what was decided, and write the files; returns 0.

    Raises:
        ConfigError: the data cannot be read or learnt from, or a file would be overwritten.
    """
    quiet_tensorflow(verbose=options.verbose)
    # TensorFlow, which reads TFRecord files, talks.
    with quiet(Path(os.devnull), verbose=options.verbose) as terminal:
        console = Console(file=terminal.file, highlight=False, width=None if terminal.is_terminal else _WIDTH)
        return update.run(options, console) if options.update else _init(options, console)


def _init(options: argparse.Namespace, console: Console) -> int:
    if not options.data or not options.label:
        raise ConfigError("--data and --label are needed: where the rows are, and which column is to be predicted.")
    found = source.of(options.data, label=options.label, query=options.query)
    name = options.name or re.sub(r"\W+", "_", found.stem, flags=re.ASCII).strip("_").lower() or "mine"
    files = PipelineFiles(checked_name(name))
    if not options.dry_run and not options.force:
        files.refuse_existing()
    with console.status("...") as status:
        plan = plan_of(found, name=files.name, label=options.label, task=options.task, progress=status.update)
    text = files.checked(plan)
    describe(plan, console)
    if options.dry_run:
        console.print(f"\n{files.config}:\n\n{text}", markup=False, soft_wrap=True)
        return 0
    files.write(plan, text)
    for path in (files.config, files.schema):
        console.print(f"wrote {path}", markup=False, soft_wrap=True)
    _say_next(files, console)
    return 0


def _say_next(files: PipelineFiles, console: Console) -> None:
    # A command must be one line to be copied.
    command = f"{shlex.quote(_short(sys.executable))} -m pipeline run --config {files.config}"
    console.print(f"next: {command}", markup=False, soft_wrap=True)


def describe(plan: Plan, console: Console) -> None:
    """Print what was found and decided."""
    rows, sampled = plan.decisions.table.rows, plan.decisions.table.sample.num_rows
    sample = f"; leaks, limits and texts by a sample of {sampled:,}" if sampled < rows else ""
    console.print(f"{rows:,} rows, {len(plan.decisions.table.columns):,} columns{sample}")
    for note in plan.source.notes:
        console.print(one_line(note), markup=False, soft_wrap=True)
    console.print()
    table.show(plan.decisions, console)
    console.print()
    if plan.baseline.finds_nothing:
        console.print("! no column was found that tells the label; the model gate may well refuse what is trained")


def _short(path: str) -> str:
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path
