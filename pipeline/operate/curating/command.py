"""``python -m pipeline schema diff | accept``: what the newest data would change in the curated schema."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.messages import did_you_mean, known_names, one_line
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.init.judging.treatment import figure, missing
from pipeline.init.reading.profile import ColumnProfile
from pipeline.init.updating.differences import NEW, Difference, differences
from pipeline.operate.curating.columns import decisions_of
from pipeline.operate.curating.edits import NotEditable, edited
from pipeline.records import figures, printing
from pipeline.records.runs import Records, required


@dataclass(frozen=True, kw_only=True)
class SchemaComparison:
    """The newest data and the curated schema.

    Attributes:
        run: id of the newest run that made statistics.
        path: the curated schema's file.
        text: its text.
        schema: what it says.
        changes: how the data differ.
    """

    run: str
    path: Path
    text: str
    schema: schema_pb2.Schema
    changes: Sequence[Difference]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("action", choices=["diff", "accept"], help="show the differences, or write them to the schema")
    parser.add_argument("columns", nargs="*", default=[], metavar="COLUMN", help="(default: every column)")
    printing.add_json(parser)


def run(config: Config, options: argparse.Namespace) -> int:
    """Print the differences, and accept them if so asked; returns 0.

    Raises:
        ConfigError: there is no curated schema or no run, or nothing differs in a column.
    """
    found = compared(config, required(config))
    changes = _of_columns(found.changes, options.columns)
    written = accept(found, changes) if options.action == "accept" and changes else []
    if options.json:
        document = [
            {
                "column": one.column,
                "what": one.what,
                "was": one.was,
                "now": one.now,
                "by_hand": not _applies(one, found),
            }
            for one in changes
        ]
        printing.print_json({"run": found.run, "schema": str(found.path), "changes": document, "accepted": written})
        return 0
    if not changes:
        print(f"the data of run {found.run} fit {found.path}; nothing would change.")
        return 0
    rows = [(one.column, one.what, one.was, one.now) for one in changes]
    print("\n".join(printing.columns([("column", "what", "was", "now"), *rows], indent="")))
    if options.action == "diff":
        print("\nnothing was written; `schema accept`, with or without columns, changes the schema")
    elif written:
        print(f"\nchanged {found.path}: {', '.join(written)}; comments inside these entries are lost")
    else:
        print(f"\n{found.path} stays: these have to be changed by hand")
    return 0


def compared(config: Config, records: Records) -> SchemaComparison:
    """Compare the newest statistics, also those of a run that was refused, with the curated schema.

    Raises:
        ConfigError: there is no curated schema, or no run has made statistics.
    """
    if config.schema_path is None:
        raise ConfigError("schema: the config names no curated schema; SchemaGen infers one in every run.")
    path = config.schema_path
    try:
        text = path.read_text(encoding="utf-8")
        schema = text_format.Parse(text, schema_pb2.Schema())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise ConfigError(f"schema: {path} cannot be read ({one_line(str(error), limit=100)}).") from None
    for context in records.contexts:
        statistics = records.outputs(context).get(("StatisticsGen", "statistics"))
        datasets = list(figures.datasets(statistics.uri).values()) if statistics else []
        if datasets:
            break
    else:
        raise ConfigError("no run has statistics of its data; `python -m pipeline run --to StatisticsGen` makes them.")
    decisions = decisions_of(datasets, config, schema)
    changes = [
        replace(one, now=_described(decisions.table.columns[one.column])) if one.what == NEW else one
        for one in differences(decisions, config, schema)
    ]
    return SchemaComparison(run=context.name, path=path, text=text, schema=schema, changes=changes)


def accept(found: SchemaComparison, changes: Sequence[Difference]) -> list[str]:
    """Write changes to the curated schema; returns the columns whose entries changed.

    Raises:
        ConfigError: the file cannot be edited or written; it is unchanged.
    """
    applied = list(dict.fromkeys(one.column for one in changes if _applies(one, found)))
    if not applied:
        return []
    after = schema_pb2.Schema()
    after.CopyFrom(found.schema)
    for change in changes:
        change.apply(after)
    try:
        _replace(found.path, edited(found.text, after))
    except NotEditable:
        raise ConfigError(
            f"{found.path}: cannot be edited entry by entry; write every entry as `feature {{ ... }}` of its own."
        ) from None
    except OSError as error:
        raise ConfigError(f"{found.path}: cannot be written ({error.strerror}).") from None
    return applied


def _of_columns(changes: Sequence[Difference], columns: Sequence[str]) -> list[Difference]:
    changed = dict.fromkeys(one.column for one in changes)
    for column in columns:
        if column not in changed:
            names = known_names(changed, like=column) or "none"
            near = did_you_mean(changed, like=column)
            raise ConfigError(f"{column}: nothing differs in such a column; {near}columns that differ: {names}.")
    return [one for one in changes if not columns or one.column in columns]


def _applies(change: Difference, found: SchemaComparison) -> bool:
    """Whether accepting it changes the schema; a kind or a class is a matter of the config."""
    after = schema_pb2.Schema()
    after.CopyFrom(found.schema)
    change.apply(after)
    return after != found.schema


def _described(column: ColumnProfile) -> str:
    """What the statistics know of a new column."""
    parts = [f"{missing(column)} missing" if column.missing else "complete"]
    if column.is_number:
        parts.append(f"{figure(column.least)} to {figure(column.most)}")
    if column.distinct:
        parts.append(f"{column.distinct:,} values")
    return f"{column.type} ({', '.join(parts)})"


def _replace(path: Path, text: str) -> None:
    """Replace a file, completely or not at all."""
    # A link stays one.
    target = path.resolve()
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            os.fchmod(stream.fileno(), target.stat().st_mode & 0o777)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
