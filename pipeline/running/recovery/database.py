"""The state of metadata.sqlite, asked of SQLite itself: ML Metadata answers damage with pages, or an empty history."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

# A table that every version of ML Metadata has.
_TABLE = "Execution"
# What SQLite may keep beside the file.
_BESIDE = ("", "-journal", "-wal", "-shm")


def trouble(file: Path) -> str | None:
    """What is wrong with the file, as the end of a sentence; None if it can be used.

    Opening it also completes or undoes what a killed process had begun. The caller holds the run folder's lock.
    """
    if not file.exists():
        return "is missing"
    if file.stat().st_size == 0:
        return "is empty"
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True)) as database:
            [first] = database.execute("PRAGMA quick_check(1)").fetchone()
            if first != "ok":
                return f"is damaged ({' '.join(first.split())[:100]})"
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.DatabaseError as error:
        return f"is damaged ({error})"
    return None if _TABLE in tables else "holds no ML Metadata"


def has_artifacts(artifacts: Path) -> bool:
    """Whether a run has made anything that the metadata should know."""
    return any(path.is_dir() for path in artifacts.iterdir()) if artifacts.is_dir() else False


def set_aside(file: Path) -> Path | None:
    """Rename the file and what SQLite keeps beside it; returns the new name, or None if there is no file."""
    aside = file.with_name(f"{file.name}.broken-{datetime.now():%Y%m%d-%H%M%S}")
    for path, target in _names(file, aside):
        if path.exists():
            path.rename(target)
    return aside if aside.exists() else None


def remove(file: Path) -> None:
    """Remove the file and what SQLite keeps beside it."""
    for path, _ in _names(file, file):
        path.unlink(missing_ok=True)


def _names(file: Path, other: Path) -> Iterator[tuple[Path, Path]]:
    for end in _BESIDE:
        yield file.with_name(file.name + end), other.with_name(other.name + end)


def begin_after(file: Path, execution: int) -> None:
    """Let the ids of new executions begin after ``execution``: they name the folders of artifacts."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?",
            (execution, _TABLE),
        )
