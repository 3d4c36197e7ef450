"""What the watch has read: one SQLite file, so that rows and the place in the log change together or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

FILE = "state.sqlite"
# Of the tables below; another number is another release's.
_RELEASE = 1
_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE files (
  name TEXT PRIMARY KEY, records INTEGER, size INTEGER, closed INTEGER, damaged TEXT
) WITHOUT ROWID;
CREATE TABLE windows (
  start INTEGER, version INTEGER, records INTEGER, asked REAL, rows INTEGER, broken INTEGER, undated INTEGER,
  PRIMARY KEY (start, version)
) WITHOUT ROWID;
CREATE TABLE rows (
  id INTEGER PRIMARY KEY, start INTEGER, rank INTEGER, time INTEGER, version INTEGER, key TEXT, example BLOB,
  prediction BLOB
);
CREATE INDEX rows_by_rank ON rows (start, rank);
CREATE INDEX rows_by_key ON rows (key);
CREATE TABLE labels (key TEXT PRIMARY KEY, value TEXT, arrived INTEGER, contradicted INTEGER) WITHOUT ROWID;
CREATE TABLE label_files (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER) WITHOUT ROWID;
CREATE TABLE seen (
  start INTEGER, version INTEGER, rows INTEGER, statistics BLOB, scan TEXT, PRIMARY KEY (start, version)
) WITHOUT ROWID;
CREATE TABLE scrapes (url TEXT PRIMARY KEY, buckets TEXT) WITHOUT ROWID;
CREATE TABLE latency (start INTEGER, bound REAL, answers REAL, PRIMARY KEY (start, bound)) WITHOUT ROWID;
CREATE TABLE spans (path TEXT PRIMARY KEY, done INTEGER) WITHOUT ROWID;
CREATE TABLE exported (key TEXT PRIMARY KEY, path TEXT) WITHOUT ROWID;
"""


class Busy(Exception):
    """Another process watches the same pipeline."""


class OtherRelease(Exception):
    """The file was written by another release of the template."""


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[sqlite3.Connection]:
    """The state in a folder, for this process alone; created if there is none.

    A change is a ``with`` block of the connection: all of it is kept, or with a kill in the middle none of it.

    Args:
        folder: created if it is missing.

    Raises:
        Busy: another process has it open.
        OtherRelease: its tables are others.
        sqlite3.Error: the file is damaged, or the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"another watch or feedback uses {folder}; wait for its end, or end it") from None
        with contextlib.closing(sqlite3.connect(folder / FILE)) as connection:
            _prepare(connection, folder / FILE)
            yield connection
    finally:
        os.close(lock)


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # With a power cut, too, the last change is kept or undone as a whole.
    connection.execute("PRAGMA synchronous = FULL")
    [release] = connection.execute("PRAGMA user_version").fetchone()
    if release == 0:
        # One transaction: a kill in between leaves an empty file.
        connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {_RELEASE}; COMMIT;")
    elif release != _RELEASE:
        raise OtherRelease(f"{path} is of another release; move it away, and the log is read from its start")


def remembered(connection: sqlite3.Connection, name: str) -> str | None:
    """What was kept under a name; None if nothing was."""
    known = connection.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
    return known[0] if known else None


def remember(connection: sqlite3.Connection, name: str, value: str) -> None:
    """Keep a text under a name, together with what else is changed in the same ``with`` block."""
    connection.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (name, value))


def forget(connection: sqlite3.Connection, *, before: int, labels_before: int) -> None:
    """Drop what is older than the windows that are kept.

    Args:
        connection: the state.
        before: start of the oldest window that is kept, seconds since 1970.
        labels_before: labels that arrived before are dropped, too.
    """
    with connection:
        for table in ("windows", "rows", "seen", "latency"):
            connection.execute(f"DELETE FROM {table} WHERE start < ?", (before,))
        connection.execute("DELETE FROM labels WHERE arrived < ?", (labels_before,))
        connection.execute("DELETE FROM exported WHERE key NOT IN (SELECT key FROM rows WHERE key IS NOT NULL)")
