"""Asks a database through ADBC, whose drivers answer in Arrow record batches."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from components.example_gen.sql.options import Query
from components.example_gen.sql.secrets import Settings
from components.example_gen.sql.values import plain, plain_schema
from components.refusal import GateRefused

# SQLite's columns have no types: the driver takes them from the rows of the first batch.
_SQLITE_ROWS = 65_536
_TIMEOUT_SECONDS = "15"


class Database:
    """An open connection; a context manager.

    Args:
        query: what to ask.

    Raises:
        GateRefused: a variable is not set, the driver is not installed, or the database cannot be reached.
    """

    def __init__(self, query: Query):
        self._query = query
        self._settings = Settings(query, os.environ)
        driver = _driver_file(query)
        # libpq waits for ever by default.
        os.environ.setdefault("PGCONNECT_TIMEOUT", _TIMEOUT_SECONDS)
        options = self._settings.options
        if query.driver == "sqlite":
            options = {**options, "uri": _read_only(options["uri"])}
        from adbc_driver_manager import dbapi

        with self._refused("uri", "cannot connect", fix="check the address, the user and the password"):
            self._connection = dbapi.connect(driver=driver, db_kwargs=options)

    def __enter__(self) -> Database:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        # Nothing is committed.
        self._connection.close()

    def schema(self) -> pa.Schema:
        """Names and types of the columns, without reading the rows where the driver can tell.

        Raises:
            GateRefused: the query is wrong, or a column has a type that no example can hold.
        """
        from adbc_driver_manager import NotSupportedError

        with self._connection.cursor() as cursor, self._refused("query", "cannot be asked", fix="correct it"):
            try:
                return plain_schema(cursor.adbc_execute_schema(self._query.query))
            except NotSupportedError:
                pass
        with self._reader("query", self._query.query) as reader:
            return plain_schema(reader.schema)

    @contextlib.contextmanager
    def rows(self) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
        """The columns and, batch by batch, the rows; see `components.example_gen.sql.values`.

        Raises:
            GateRefused: the query is wrong or fails, or a value has no plain form.
        """
        with self._reader("query", self._query.query) as reader:
            schema = plain_schema(reader.schema)
            yield schema, (plain(batch, schema) for batch in reader)

    def fingerprint(self) -> str:
        """A digest of the rows of ``changes``, or else of ``query``, that does not depend on their order.

        Raises:
            GateRefused: as `rows`.
        """
        key = "changes" if self._query.changes else "query"
        with self._reader(key, self._query.changes or self._query.query) as reader:
            schema = plain_schema(reader.schema)
            total = 0
            for batch in reader:
                for row in zip(*(column.to_pylist() for column in plain(batch, schema).columns), strict=True):
                    total += int.from_bytes(hashlib.sha256(repr(row).encode()).digest(), "big")
        return f"{key}-{hashlib.sha256(repr((str(schema), total)).encode()).hexdigest()}"

    @contextlib.contextmanager
    def _reader(self, key: str, statement: str) -> Iterator[pa.RecordBatchReader]:
        with self._connection.cursor() as cursor, self._refused(key, "failed", fix="correct it"):
            if self._query.driver == "sqlite":
                cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(_SQLITE_ROWS)})
            cursor.execute(statement)
            yield cursor.fetch_record_batch()

    @contextlib.contextmanager
    def _refused(self, key: str, what: str, *, fix: str) -> Iterator[None]:
        """Turn a driver's error into one line without secrets, and without the driver's own context."""
        from adbc_driver_manager import Error

        try:
            yield
        except (Error, pa.ArrowException, OSError) as error:
            raise GateRefused(f"data.{key}: {what} ({self._reason(error)}); {fix}.") from None

    def _reason(self, error: Exception) -> str:
        text = re.split(r"\n+query: |\n+Query was: ", str(error))[0]
        text = re.sub(r"^[A-Z_]+: |\[(?:libpq|SQLite)\] |\s*SQLSTATE: \w+$", "", " ".join(text.split()))
        if found := re.match(r"Type mismatch in column (\d+): (.*)", text):
            text = f"column {int(found[1]) + 1}: {found[2]} after {_SQLITE_ROWS:,} rows"
        return self._settings.redacted(text)[:180].rstrip(" .;")


def _driver_file(query: Query) -> str:
    name = f"adbc_driver_{query.driver}"
    try:
        module: Any = importlib.import_module(name)
        importlib.import_module("adbc_driver_manager.dbapi")
    except ModuleNotFoundError:
        package, extra = name.replace("_", "-"), "sql" if query.driver in ("sqlite", "postgresql") else query.driver
        raise GateRefused(
            f"data.driver: {query.driver} needs the package {package}, which is not installed; install the extra "
            f"{extra} of setup.py: pip install '.[{extra}]'."
        ) from None
    return module._driver_path()


def _read_only(path: str) -> str:
    """The URI of an SQLite file that must exist: the driver would create it, and run a DELETE."""
    if path.startswith("file:"):
        return path
    if not Path(path).is_file():
        raise GateRefused(f"data.uri: there is no file {path}; name the file of the SQLite database.")
    return f"file:{quote(str(Path(path).absolute()))}?mode=ro"
