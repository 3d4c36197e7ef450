"""True labels from files into the state: late, twice or contradicting each other, each key has one label or none."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from components.example_gen.readers.record_files import RecordReader
from components.example_gen.readers.table_files import Piece
from components.example_gen.reading import FileFormat, Reading
from components.example_gen.tables import Tables
from components.refusal import GateRefused
from pipeline.watch.reading.examples import decoded, plain_row
from pipeline.watch.reading.keys import key_of
from trainer.labels.config import Label

_ENDINGS: dict[str, FileFormat] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".tfrecord": "tfrecord",
    ".tfrecord.gz": "tfrecord",
}


@dataclass(frozen=True, kw_only=True)
class LabelFiles:
    """Where labels are, and how they are read.

    Attributes:
        patterns: paths or patterns of files.
        keys: the columns of the key.
        label: the label.
        reading: how the pipeline's data are read.
    """

    patterns: Sequence[str]
    keys: Sequence[str]
    label: Label
    reading: Reading


def take_in(connection: sqlite3.Connection, given: LabelFiles, *, now: int) -> Iterator[str]:
    """Read the files that are new or have changed; a file that is read again changes nothing.

    Args:
        connection: the state.
        given: the files.
        now: seconds since 1970, when their labels arrived.

    Yields:
        Why a file could not be read, or holds no labels, in words; and the patterns that no file matches.
    """
    yield from (f"labels: no file matches {pattern}" for pattern in given.patterns if not _files([pattern]))
    known = {path: about for path, *about in connection.execute("SELECT path, size, changed FROM label_files")}
    for path in _files(given.patterns):
        about = path.stat()
        if known.get(str(path)) == [about.st_size, about.st_mtime_ns]:
            continue
        try:
            # All of a file or nothing: the next look may find it whole.
            rows = list(_labels(path, given))
        except GateRefused as error:
            yield f"labels: {error.reason.rstrip('.')}"
            continue
        with connection:
            for key, value in rows:
                connection.execute(
                    # What came first stays; another value makes both worthless.
                    "INSERT INTO labels VALUES (?, ?, ?, 0) ON CONFLICT DO UPDATE "
                    "SET contradicted = contradicted OR value != excluded.value",
                    (key, value, now),
                )
            connection.execute(
                "INSERT OR REPLACE INTO label_files VALUES (?, ?, ?)", (str(path), about.st_size, about.st_mtime_ns)
            )


def unjoined(connection: sqlite3.Connection, keys: Sequence[str]) -> Iterator[str]:
    """Why no label finds its request, in words: no row has the key, or none has the key of a label."""
    if not keys or connection.execute("SELECT 1 FROM rows LIMIT 1").fetchone() is None:
        return
    # Each is one step in an index.
    [row] = connection.execute("SELECT min(key) FROM rows").fetchone()
    [label] = connection.execute("SELECT min(key) FROM labels").fetchone()
    if row is None:
        names = " and ".join(map(repr, keys))
        yield f"watch.keys: no logged row has {names}, so no label finds its request; name columns that requests hold"
    elif label and connection.execute("SELECT 1 FROM labels JOIN rows USING (key) LIMIT 1").fetchone() is None:
        yield f"labels: none has the key of a logged row; a label's is {label}, a row's {row}; write both alike"


def _files(patterns: Sequence[str]) -> list[Path]:
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        inside = path.rglob("*") if path.is_dir() else map(Path, tf.io.gfile.glob(pattern))
        found |= dict.fromkeys(one.resolve() for one in sorted(inside) if one.is_file() and _format(one))
    return list(found)


def _format(path: Path) -> FileFormat | None:
    return next((kind for ending, kind in _ENDINGS.items() if path.name.endswith(ending)), None)


def _labels(path: Path, given: LabelFiles) -> Iterator[tuple[str, str]]:
    """Key and label of each row that has both."""
    for row in _rows(path, given):
        key = key_of(row, given.keys)
        value = {name: _same(row[name]) for name in given.label.columns if not _missing(row.get(name))}
        # A row without the label itself is one whose label is not known yet.
        if key is not None and given.label.column in value:
            yield key, json.dumps(value, sort_keys=True)


def _rows(path: Path, given: LabelFiles) -> Iterator[dict[str, Any]]:
    kind = _format(path) or given.reading.kind
    # As text, 007 stays what it is.
    types = {name: "BYTES" for name in given.keys} if kind == "csv" else {}
    reading = given.reading.model_copy(
        update={"kind": kind, "pictures": (), "types": {**given.reading.types, **types}, "weight": None}
    )
    if kind == "tfrecord":
        for examples in RecordReader(reading).examples(str(path)):
            yield from (plain_row(example) for example in examples)
        return
    [tables] = Tables.of([[str(path)]], reading)
    wanted = (*given.keys, given.label.column)
    for batch in tables.batches(Piece(str(path))):
        if lacking := [name for name in wanted if name not in batch.schema.names]:
            raise GateRefused(f"{path} has no column {lacking[0]!r}; labels need the keys and {given.label.column!r}")
        names = [name for name in dict.fromkeys((*given.keys, *given.label.columns)) if name in batch.schema.names]
        yield from map(decoded, pa.Table.from_batches([batch]).select(names).to_pylist())


def _same(value: Any) -> Any:
    """A number as it is in every format: 1, 1.0 and true are one, and a tf.Example holds no more digits."""
    if isinstance(value, (bool, float)):
        return int(value) if float(value).is_integer() else float(np.float32(value))
    return value


def _missing(value: Any) -> bool:
    # Bytes that are no text are no label.
    return value is None or value == "" or isinstance(value, (bytes, list)) or value != value
