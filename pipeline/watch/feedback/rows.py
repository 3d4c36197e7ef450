"""The logged requests whose label is known, each once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.watch.reading.examples import plain_row
from trainer.labels.config import Label

_NEW = """
SELECT rows.key, rows.example, labels.value FROM rows JOIN labels ON labels.key = rows.key
WHERE NOT labels.contradicted AND rows.key NOT IN (SELECT key FROM exported)
ORDER BY rows.time, rows.id
"""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A request whose label is known.

    Attributes:
        key: its key.
        row: its raw values with the label's.
    """

    key: str
    row: dict[str, Any]


def unwritten(connection: sqlite3.Connection, label: Label) -> list[Answered]:
    """Those that no span holds yet, in the order of their time; of requests with the same key, the last one."""
    found: dict[str, Answered] = {}
    for one in _joined(connection, label):
        found.pop(one.key, None)
        found[one.key] = one
    return list(found.values())


def _joined(connection: sqlite3.Connection, label: Label) -> Iterator[Answered]:
    for key, example, value in connection.execute(_NEW):
        row = {**plain_row(example), **json.loads(value)}
        known = label.of(row)
        # What has no meaning as a label would end the next run.
        if known == known and known != label.unknown:
            yield Answered(key=key, row=row)


def settle(connection: sqlite3.Connection) -> None:
    """Find out what became of spans that a killed process was about to show."""
    for [path] in connection.execute("SELECT path FROM spans WHERE NOT done").fetchall():
        with connection:
            if Path(path).exists():
                connection.execute("UPDATE spans SET done = 1 WHERE path = ?", (path,))
            else:
                connection.execute("DELETE FROM spans WHERE path = ?", (path,))
                connection.execute("DELETE FROM exported WHERE path = ?", (path,))


def announce(connection: sqlite3.Connection, path: Path, rows: list[Answered]) -> None:
    """Keep that a span is about to appear, and what it holds."""
    with connection:
        connection.execute("INSERT INTO spans VALUES (?, 0)", (str(path),))
        connection.executemany("INSERT INTO exported VALUES (?, ?)", [(row.key, str(path)) for row in rows])


def waiting(connection: sqlite3.Connection) -> int:
    """How many keys of requests have no label yet."""
    [count] = connection.execute(
        "SELECT count(DISTINCT key) FROM rows WHERE key IS NOT NULL AND key NOT IN (SELECT key FROM labels)"
    ).fetchone()
    return count
