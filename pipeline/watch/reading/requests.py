"""From the request log into the state: each record once, whatever is killed in between."""

from __future__ import annotations

import hashlib
import itertools
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from pipeline.watch.reading.examples import plain_row
from pipeline.watch.reading.keys import key_of
from pipeline.watch.store import remember, remembered
from serving.request_log.following import Damaged, LogFile, log_files, model_of, records
from serving.request_log.reader import Record, parse

# Records that are kept together. A kill costs the reading of so many.
_STEP = 500


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is read of a log.

    Attributes:
        folder: of the log.
        model: the model's name.
        output: the output of the signature that is the prediction.
        keys: the columns of the key.
        seconds: int, the length of a window.
        most: int, rows of a window that are kept.
    """

    folder: Path
    model: str
    output: str
    keys: Sequence[str]
    seconds: int
    most: int


@dataclass(frozen=True, kw_only=True)
class _Row:
    time: int
    version: int
    key: str | None
    example: bytes
    prediction: bytes


@dataclass(frozen=True, kw_only=True)
class _Read:
    """One record: its place, its rows, and what it counts for."""

    place: str
    time: int
    version: int
    undated: bool
    weight: float
    rows: Sequence[_Row]
    broken: int


def use_keys(connection: sqlite3.Connection, keys: Sequence[str]) -> None:
    """Where the columns of the key are others than so far, rows get new keys, and the labels are read again."""
    wanted = json.dumps(list(keys))
    if remembered(connection, "keys") == wanted:
        return
    rows = connection.execute("SELECT id, example FROM rows").fetchall()
    with connection:
        connection.executemany(
            "UPDATE rows SET key = ? WHERE id = ?", [(key_of(plain_row(example), keys), id_) for id_, example in rows]
        )
        connection.execute("DELETE FROM labels")
        connection.execute("DELETE FROM label_files")
        remember(connection, "keys", wanted)


def take_in(connection: sqlite3.Connection, asked: Asked) -> int:
    """Read what is new in a log.

    Returns:
        int, the records that were new.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    known = {name: values for name, *values in connection.execute("SELECT name, records, size, closed FROM files")}
    found = log_files(asked.folder, asked.model)
    count = 0
    for file in found:
        start, size, closed = known.get(file.name, (0, -1, False))
        if file.size == size and closed:
            continue
        # A smaller file is another one of the same name.
        count += _take_in_file(connection, asked, file, start if file.size >= size else 0)
    with connection:
        gone = known.keys() - {file.name for file in found}
        # All at once are not removed for their age: the disk is not there, or the folder is another one. When they come
        # back, their records are none that are new.
        if gone != known.keys():
            connection.executemany("DELETE FROM files WHERE name = ?", [(name,) for name in gone])
    return count


def nothing_logged(connection: sqlite3.Connection, asked: Asked) -> Iterator[str]:
    """That the log has no file of the model, in words."""
    if connection.execute("SELECT 1 FROM files LIMIT 1").fetchone() is None:
        yield (
            f"{asked.folder} holds no request to {asked.model!r}; servers log a share of them, 0.01 unless "
            "--request_log_sampling_rate says otherwise"
        )


def _take_in_file(connection: sqlite3.Connection, asked: Asked, file: LogFile, start: int) -> int:
    place, damaged = start, None
    following = records(file, start=start)
    while True:
        some: list[bytes] = []
        try:
            for record in itertools.islice(following, _STEP):
                some.append(record)
        except Damaged as error:
            damaged = str(error)
        read = [one for number, record in enumerate(some) for one in _read(asked, file, record, number=place + number)]
        place += len(some)
        over = len(some) < _STEP
        if damaged:
            read.append(_no_record(file))
        with connection:
            _keep(connection, asked, read)
            connection.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
                # Until its last record is read, there is more.
                (file.name, place, file.size, over and file.closed, damaged),
            )
        if over:
            return place - start


def _read(asked: Asked, file: LogFile, record: bytes, *, number: int) -> Iterator[_Read]:
    """What a record says; nothing of another model's."""
    try:
        log = prediction_log_pb2.PredictionLog.FromString(record)
    except DecodeError:
        yield _no_record(file)
        return
    if model_of(log) not in ("", asked.model):
        return
    sampled = log.log_metadata.sampling_config.sampling_rate
    stamp = log.log_metadata.timestamp_secs
    about = {
        "place": f"{file.name}:{number}",
        "time": stamp or file.changed,
        "undated": not stamp,
        "weight": 1 / sampled if 0 < sampled <= 1 else 1.0,
    }
    try:
        found = parse(log)
        predictions = _predictions(found, asked.output)
        rows = found.rows()
    except Exception:
        # A client can log what no reader foresees: other shapes, other types, no tf.Example.
        yield _Read(**about, version=0, rows=(), broken=1)
        return
    whole = [index for index in range(len(rows)) if np.isfinite(predictions[index]).all()]
    made = [
        _Row(
            time=about["time"],
            version=found.version,
            key=key_of(rows[index], asked.keys),
            example=found.examples[index],
            prediction=predictions[index].astype(np.float32).tobytes(),
        )
        for index in whole
    ]
    yield _Read(**about, version=found.version, rows=made, broken=len(rows) - len(whole))


def _no_record(file: LogFile) -> _Read:
    return _Read(place="", time=file.changed, version=0, undated=True, weight=1.0, rows=(), broken=1)


def _predictions(record: Record, output: str) -> np.ndarray:
    """Float64 `[rows, outputs]`.

    Raises:
        ValueError: there is no such output, or it has another number of rows.
    """
    count = len(record.examples)
    if "result" in record.answer:
        result = record.answer["result"]
        values = np.array(_of_result(result[0] if isinstance(result, list) else result), np.float64)
    else:
        values = np.asarray(record.answer[output], np.float64)
    if not count or values.size == 0 or values.size % count:
        raise ValueError(f"{values.size} predictions for {count} rows")
    return values.reshape(count, -1)


def _of_result(result: Any) -> list[list[float]]:
    """The numbers of a classification or a regression, also inside the result of a MultiInference."""
    for name in ("classification_result", "regression_result"):
        if hasattr(result, name) and result.HasField(name):
            result = getattr(result, name)
    if hasattr(result, "regressions"):
        return [[one.value] for one in result.regressions]
    scores = [[each.score for each in one.classes] for one in result.classifications]
    # Of two classes the second one's score is the prediction.
    return [each[1:] if len(each) == 2 else each for each in scores]


def _keep(connection: sqlite3.Connection, asked: Asked, read: Iterable[_Read]) -> None:
    starts = set()
    for one in read:
        start = one.time - one.time % asked.seconds
        starts.add(start)
        connection.execute(
            "INSERT INTO windows VALUES (?, ?, 1, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET records = records + 1, "
            "asked = asked + excluded.asked, rows = rows + excluded.rows, broken = broken + excluded.broken, "
            "undated = undated + excluded.undated",
            (start, one.version, one.weight, len(one.rows) + one.broken, one.broken, one.undated),
        )
        connection.executemany(
            "INSERT INTO rows (start, rank, time, version, key, example, prediction) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (start, _rank(f"{one.place}:{index}"), row.time, row.version, row.key, row.example, row.prediction)
                for index, row in enumerate(one.rows)
            ],
        )
    for start in starts:
        # Those of the smallest ranks are as good as any, and the same ones however the log is read.
        found = connection.execute(
            "SELECT rank FROM rows WHERE start = ? ORDER BY rank LIMIT 1 OFFSET ?", (start, asked.most)
        ).fetchone()
        if found:
            connection.execute("DELETE FROM rows WHERE start = ? AND rank >= ?", (start, found[0]))


def _rank(place: str) -> int:
    return int.from_bytes(hashlib.blake2b(place.encode(), digest_size=8).digest(), "big") >> 1
