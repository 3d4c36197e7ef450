"""``init --update``: what other data would change in a config and its schema, column by column."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from rich.console import Console
from rich.table import Table
from rich.text import Text
from tensorflow_metadata.proto.v0 import schema_pb2

from components.messages import one_line, shown
from pipeline.checks.columns import named_columns
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError, load
from pipeline.init.plan import decisions_of
from pipeline.init.reading import source
from pipeline.init.reading.database import asked  # part: sql
from pipeline.init.reading.source import Source
from pipeline.init.updating import config_edits
from pipeline.init.updating.differences import GONE, Difference, differences, of_files
from pipeline.init.writing import schema_text
from pipeline.init.writing.files import PipelineFiles, checked_name

# The address and the query of data that are no files.
_ASKED: tuple[Callable[[Any], tuple[str, str] | None], ...] = (
    asked,  # part: sql
)


def run(options: argparse.Namespace, console: Console) -> int:
    """Print the differences, and with ``--force`` write them; returns 0.

    Raises:
        ConfigError: there is no such config or schema, or the data cannot be read.
    """
    if not options.name:
        raise ConfigError("--name: is needed with --update: which config the data are to be compared with.")
    files = PipelineFiles(checked_name(options.name))
    config = load(config=files.config, profile=None)
    schema_path = config.schema_path or files.schema
    schema = _schema(schema_path)
    with console.status("...") as status:
        found = _source(options, config)
        decisions = decisions_of(found, label=config.label, task=None, progress=status.update)
    changes = [*of_files(found.section, config), *differences(decisions, config, schema)]
    if not changes:
        console.print(
            f"{decisions.table.rows:,} rows fit {files.config} and {schema_path}; nothing would change.", soft_wrap=True
        )
        return 0
    _show(changes, console)
    if not options.force or options.dry_run:
        console.print("\nnothing was written; --force changes config and schema", markup=False)
        return 0
    _refuse_uses_of_gone(config, [change.column for change in changes if change.what == GONE])
    text = config_edits.changed(files.config.read_text(encoding="utf-8"), decisions, changes)
    for change in changes:
        change.apply(schema)
    schema_path.write_text(schema_text.as_text(schema, title=config.name), encoding="utf-8")
    files.config.write_text(text, encoding="utf-8")
    load(config=files.config, profile=None)
    for path in (files.config, schema_path):
        console.print(f"changed {path}", markup=False, soft_wrap=True)
    return 0


def _refuse_uses_of_gone(config: Config, gone: Sequence[str]) -> None:
    """What is gone can be left out of the features and slices; what else it is used for is for a person to decide."""
    for key, column in named_columns(config):
        if column in gone and key != f"features.{column}" and not key.startswith("gates.evaluation.slices"):
            raise ConfigError(f"{key}: the data have no column {shown(column)} any more; change this key first.")


def _source(options: argparse.Namespace, config: Config) -> Source:
    """The data that were named, or those of the config."""
    data, query = options.data, options.query
    for address, statement in filter(None, (asked_of(config.data) for asked_of in _ASKED if data is None)):
        data, query = address, statement
    if data is None:
        one = config.data.path / config.data.files if config.data.files else config.data.path
        data = str(one if one.exists() else config.data.path)
    return source.of(data, label=config.label.column, query=query)


def _schema(path: Path) -> schema_pb2.Schema:
    try:
        return text_format.Parse(path.read_text(encoding="utf-8"), schema_pb2.Schema())
    except (OSError, text_format.ParseError) as error:
        raise ConfigError(f"schema: {path} cannot be read ({one_line(str(error), limit=100)}).") from None


def _show(changes: Sequence[Difference], console: Console) -> None:
    table = Table("column", "what", "was", "now", box=None, pad_edge=False, header_style="bold")
    for change in changes:
        table.add_row(*(Text(one_line(cell)) for cell in (change.column, change.what, change.was, change.now)))
    console.print(table)
