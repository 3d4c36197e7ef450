"""A request log as servers write it, a model that was trained on such rows, and looks at both."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_data_validation import StatsOptions
from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
from tensorflow_serving.apis import prediction_log_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from pipeline.config.config import Config
from pipeline.report.quality.models import OURS, Scored
from pipeline.watch.judging import windows
from pipeline.watch.judging.reference import Reference
from pipeline.watch.judging.verdict import Verdict, judge
from pipeline.watch.reading import requests
from pipeline.watch.reading.requests import take_in
from serving.client.messages import tensors
from tests.shared.models.small_model import serialize

DAY = 86_400
# A Monday's midnight.
MONDAY = 1_772_409_600
MODEL, VERSION, ROWS = "asked", 7, 400
Row = Mapping[str, object]


def config(tmp_path: Path, **watch: object) -> Config:
    return Config(
        name="asked",
        data={"path": tmp_path / "data", "files": "day-{SPAN}.csv"},
        label={"column": "y"},
        features={"km": "number", "town": "category"},
        gates={"evaluation": {"thresholds": [{"metric": "accuracy", "min": 0.5}]}},
        serving={"model_name": MODEL},
        runs=tmp_path / "runs",
        watch={"keys": ["trip"], "log": tmp_path / "log", **watch},
    )


def trips(seed: int, count: int = ROWS) -> list[dict[str, object]]:
    """Rows with their truth, which ``km`` tells."""
    random_ = random.Random(seed)
    made = []
    for number in range(count):
        km, town = random_.gauss(5, 1), random_.choice(("Ulm", "Bonn", "Jena"))
        made.append({"trip": f"{seed}-{number}", "km": km, "town": town, "y": int(km > 5)})
    return made


def request(rows: Sequence[Row], *, time: int = MONDAY, version: int = VERSION, model: str = MODEL):
    """One logged request and its answer: the nearer to 5 km, the less sure."""
    log = prediction_log_pb2.PredictionLog()
    log.log_metadata.model_spec.name = model
    log.log_metadata.model_spec.version.value = version
    log.log_metadata.timestamp_secs = time
    log.log_metadata.sampling_config.sampling_rate = 0.5
    sent = [{name: value for name, value in row.items() if name != "y"} for row in rows]
    tensors.fill(log.predict_log.request.inputs["examples"], np.array([serialize(dict(row)) for row in sent], object))
    said = answers(rows).astype(np.float32)
    tensors.fill(log.predict_log.response.outputs["probability"], said)
    return log


def answers(rows: Sequence[Row]) -> np.ndarray:
    far = np.array([[float(row.get("km", 5.0)) - 5] for row in rows])
    return 1 / (1 + np.exp(-2 * far))


def write(path: Path, logs: Sequence[object]) -> Path:
    """A file of a log; what are bytes already stay so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for log in logs:
            writer.write(log if isinstance(log, bytes) else log.SerializeToString())
    return path


def write_day(folder: Path, day: int, rows: Sequence[Row], *, per_request: int = 10, **about: object) -> Path:
    """A day's requests in a file of the embedded server."""
    logs = [
        request(rows[start : start + per_request], time=MONDAY + day * DAY + start, **about)
        for start in range(0, len(rows), per_request)
    ]
    return write(folder / "log" / MODEL / f"20260302T00000{day}-1-000001.tfrecord", logs)


def reference(version: int = VERSION, *, moving: Sequence[str] = ()) -> Reference:
    """A version that was trained on rows like those of `trips`."""
    rows = trips(1000, 2000)
    batch = ExamplesToRecordBatchDecoder().DecodeBatch([serialize(dict(row)) for row in rows])
    [training] = generate_statistics_in_memory(batch, StatsOptions()).datasets
    scored = Scored(
        labels=np.array([float(row["y"]) for row in rows]),
        weights=np.ones(len(rows)),
        predictions={OURS: answers(rows)},
        records=(None,) * len(rows),
    )
    return Reference(
        version=version,
        pushed=datetime(2026, 3, 1),
        training=training,
        columns=("km", "town"),
        moving=frozenset(moving),
        scored=scored,
        label=LABEL,
        metric="auc",
    )


def asked_of(config: Config, *, most: int = 10_000) -> requests.Asked:
    watch = config.watch
    return requests.Asked(
        folder=watch.log, model=MODEL, output="probability", keys=watch.keys, seconds=watch.seconds, most=most
    )


def look(connection: sqlite3.Connection, config: Config, *, known: Reference | None, now: float) -> Verdict:
    """Read what is new, and judge."""
    take_in(connection, asked_of(config))
    found = windows.windows(connection, config, lambda _: known, now=now)
    return judge(found, config.watch)


LABEL = config(Path("x")).label
