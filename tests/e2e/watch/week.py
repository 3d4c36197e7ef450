"""A pipeline whose model is asked for a week: on the fourth day, somebody sends metres instead of kilometres."""

from __future__ import annotations

import csv
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.client import Client
from serving.request_log.files import SUFFIX, model_folder
from tests.e2e.projects.project import Outcome, Project
from tests.serving.support.running import RunningServer
from tests.shared.models.small_model import serialize

CONFIG = """\
name: week
data: {path: data/week, files: "day-{SPAN}.csv"}
schema: schema/week.pbtxt
label: {column: y}
features: {km: number, town: {kind: category, top_k: 5}}
trainer: {loop: {global_batch_size: 64, epochs: 8, optimizer: {learning_rate: 0.02}}}
gates: {evaluation: {thresholds: [{metric: accuracy, min: 0.6, max_drop: 0.3}]}}
serving: {model_name: week}
watch: {keys: [trip]}
"""
SCHEMA = """\
feature { name: "trip" type: BYTES }
feature { name: "km" type: FLOAT }
feature { name: "town" type: BYTES }
feature { name: "y" type: INT }
"""
DAYS, PER_DAY, SHIFTED = 7, 400, 4
_DAY = 86_400
_SENT = 8


class Week(Project):
    """A copy of the project with this pipeline.

    Attributes:
        log: the server's request log.
    """

    def __init__(self, folder: Path):
        super().__init__(folder)
        (folder / "configs" / "week.yaml").write_text(CONFIG)
        (folder / "schema" / "week.pbtxt").write_text(SCHEMA)
        write_rows(folder / "data" / "week" / "day-1.csv", trips(0, 1200))
        self.log = folder / "log"

    @property
    def watch_folder(self) -> Path:
        return self.folder / "runs" / "week" / "watch"

    @property
    def serving_folder(self) -> Path:
        return self.folder / "runs" / "week" / "serving" / "week"

    def run(self, *words: str, offline: bool = False) -> Outcome:
        return super().run("--config", "configs/week.yaml", *words, offline=offline)

    def other(self, command: str, *words: str) -> Outcome:
        """Another command of ``python -m pipeline``."""
        return self.command("pipeline", command, "--config", "configs/week.yaml", *words)

    def watch(self, *words: str) -> Outcome:
        """``python -m pipeline watch`` on the log."""
        return self.other("watch", "--log", str(self.log), *words)

    def document(self) -> dict:
        """What the last look wrote."""
        return json.loads((self.watch_folder / "watch.json").read_text())


def trips(day: int, count: int) -> list[dict[str, object]]:
    """A day's trips with the truth."""
    random_ = random.Random(day)
    made = []
    for number in range(count):
        km, town = random_.gauss(5, 1), random_.choice(("Ulm", "Bonn", "Jena"))
        y = int(km - 5 + (town == "Ulm") + random_.gauss(0, 0.3) > 0.3)
        made.append({"trip": f"{day}-{number}", "km": round(km, 3), "town": town, "y": y})
    return made


def sent(day: int, *, count: int = PER_DAY) -> list[dict[str, object]]:
    """What is sent that day: no label, and from the fourth day on a longer unit."""
    rows = [{name: value for name, value in row.items() if name != "y"} for row in trips(day, count)]
    return [{**row, "km": row["km"] * 1000} for row in rows] if day >= SHIFTED else rows


def ask(target: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Send rows over gRPC, as tf.Examples that hold the key, too."""
    with Client(target) as client:
        for start in range(0, len(rows), _SENT):
            examples = np.array([serialize(dict(row)) for row in rows[start : start + _SENT]], object)
            client.predict_arrays("week", {"examples": examples})


def served(project: Week, log: Path, *, monitoring: Path | None = None) -> RunningServer:
    """The embedded server, which logs every request, and with a file for its config shows its metrics."""
    flags = ("--model_name=week", f"--model_base_path={project.serving_folder}", f"--request_log_folder={log}")
    return RunningServer(*flags, "--request_log_sampling_rate=1", monitoring=monitoring)


def logged(log: Path) -> Iterator[prediction_log_pb2.PredictionLog]:
    """The records of all files that are closed."""
    for path in sorted(model_folder(log, "week").glob(f"*{SUFFIX}")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            yield prediction_log_pb2.PredictionLog.FromString(record)


def make_past(project: Week, records: Sequence[prediction_log_pb2.PredictionLog], *, day: int, ago: int) -> Path:
    """Write a day's records as the server has written them, but days ago."""
    folder = model_folder(project.log, "week")
    folder.mkdir(parents=True, exist_ok=True)
    start = int(time.time()) // _DAY * _DAY - ago * _DAY
    path = folder / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(start))}-1-{day:06d}{SUFFIX}"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number, record in enumerate(records):
            dated = prediction_log_pb2.PredictionLog.FromString(record.SerializeToString())
            dated.log_metadata.timestamp_secs = start + number * _DAY // len(records)
            writer.write(dated.SerializeToString())
    return path


def write_labels(path: Path, days: Sequence[int], **others: int) -> Path:
    """The truth about some days' trips, with other values for some of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["trip", "y"])
        for day in days:
            for row in trips(day, PER_DAY):
                rows.writerow([row["trip"], others.get(f"trip{row['trip']}".replace("-", "_"), row["y"])])
    return path


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
