"""A database as ``--data``: ``postgresql://...``, or a file of SQLite."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from components.example_gen.readers.values import BadValue, cleaned
from components.example_gen.sql.database import Database
from components.example_gen.sql.options import Query
from components.refusal import GateRefused
from pipeline.config.loading import ConfigError
from pipeline.config.sources.sql import Sql

_MAGIC = b"SQLite format 3\0"
Rows = tuple[dict[str, Any], str, Callable[[], Iterator[pa.RecordBatch]]]


def of_database(data: str, query: str | None) -> Rows | None:
    """The config's section ``data``, a name, and what reads the rows; None if ``--data`` is no database.

    Raises:
        ConfigError: the database is not known, the address has a password, or there is no query.
    """
    if not is_database(data):
        return None
    found = section(data, query)
    return found, stem(data), lambda: batches(found)


def asked(source: Any) -> tuple[str, str] | None:
    """The address and the query of a config's section ``data``; None if it names files."""
    return (str(source.uri), source.query) if isinstance(source, Sql) else None


def is_database(data: str) -> bool:
    """Whether ``--data`` is an address, or a file of SQLite."""
    path = Path(data)
    return "://" in data or data.startswith("sqlite:") or (path.is_file() and _begins_as_sqlite(path))


def section(data: str, query: str | None) -> dict[str, Any]:
    """The config's section ``data``.

    Raises:
        ConfigError: the database is not known, the address has a password, or there is no query.
    """
    if re.match(r"postgres(ql)?://", data):
        driver = "postgresql"
    elif "://" in data:
        raise ConfigError(
            f"--data: {data.partition('://')[0]}:// is not read here; give a file, a folder, or postgresql://."
        )
    else:
        driver, data = "sqlite", data.removeprefix("sqlite:")
    if query is None:
        query = _only_table(data) if driver == "sqlite" else None
    if query is None:
        raise ConfigError(
            "--query: a database needs the query whose rows are the examples, such as 'select * from trips'."
        )
    given = {"driver": driver, "uri": data, "query": query}
    try:
        Query.model_validate(given)
    except ValidationError as error:
        raise ConfigError(f"--data: {error.errors()[0]['msg'].removeprefix('Value error, ')}.") from None
    return {"format": "sql", **given}


def stem(data: str) -> str:
    """The name of the database."""
    return re.split(r"[/:]", data.partition("?")[0])[-1].partition(".")[0] or "database"


def batches(given: Mapping[str, Any]) -> Iterator[pa.RecordBatch]:
    """The rows of the query.

    Raises:
        GateRefused: the database does not answer, or a value cannot be an example's.
    """
    query = Query.model_validate({key: value for key, value in given.items() if key != "format"})
    rows = 0
    with Database(query) as opened, opened.rows() as (_, found):
        for batch in found:
            try:
                yield cleaned(batch, ())
            except BadValue as error:
                raise GateRefused(
                    f"row {rows + error.index + 1} of the query: {error.column!r} {error.reason}"
                ) from None
            rows += batch.num_rows


def _begins_as_sqlite(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(_MAGIC)) == _MAGIC


def _only_table(path: str) -> str | None:
    """All rows of the file's table, if it has one only."""
    with contextlib.closing(sqlite3.connect(f"file:{Path(path).absolute().as_posix()}?mode=ro", uri=True)) as opened:
        tables = [
            name
            for (name,) in opened.execute("select name from sqlite_master where type in ('table', 'view')")
            if not name.startswith("sqlite_")
        ]
    if len(tables) != 1:
        raise ConfigError(
            f"--query: {path} has the tables {', '.join(sorted(tables)) or '(none)'}; give the query "
            "whose rows are the examples, such as 'select * from TABLE'."
        )
    return 'select * from "{}"'.format(tables[0].replace('"', '""'))
