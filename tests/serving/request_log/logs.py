"""Request logs: what is written to them, and what is found there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from tensorflow_serving.apis import prediction_log_pb2

from serving.client.messages import tensors
from serving.client.messages.columns import column
from serving.metrics import Metrics
from serving.request_log.reader import read
from serving.request_log.writer import RequestLog

PredictionLog = prediction_log_pb2.PredictionLog
ROWS = [{"fare": 2.5, "hour": 7, "kind": "cash"}, {"fare": 4.0}, {"kind": "card", "hour": 0}]
DTYPES = {"fare": np.dtype(np.float32), "hour": np.dtype(np.int64), "kind": np.dtype(object)}


def predict_log(rows=ROWS, *, number: int = 0) -> PredictionLog:
    """A columnar Predict request of these rows, answered with ``number``."""
    log = PredictionLog()
    asked, answered = log.predict_log.request, log.predict_log.response
    asked.model_spec.name = answered.model_spec.name = "taxi"
    asked.model_spec.version_label = "stable"
    asked.model_spec.signature_name = "columnar"
    answered.model_spec.version.value = 3
    for name, dtype in DTYPES.items():
        tensors.fill(asked.inputs[name], column(rows, name, dtype))
    tensors.fill(answered.outputs["probability"], np.full([len(rows), 1], number, np.float32))
    return log


def numbers(folder: Path, model: str = "taxi") -> list[int]:
    """What the logged requests were answered with, in the order of the log."""
    return [int(record.answer["probability"][0, 0]) for record in read(folder, model)]


def opened(folder: Path, **changes) -> RequestLog:
    options = {"sampling_rate": 1.0, "rotate_bytes": 1 << 20, "rotate_seconds": 3600.0}
    return RequestLog(folder=folder, **(options | changes))


def finished(folder: Path, model: str = "taxi") -> list[Path]:
    return sorted((folder / model).glob("*.tfrecord"))


def unfinished(folder: Path, model: str = "taxi") -> list[Path]:
    return sorted((folder / model).glob("*.open"))


def counts(metrics: Metrics) -> dict[str, int]:
    """How many records of the model ended how."""
    pattern = r'request_log_count{model_name="taxi",status_code="(\w+)"} (\d+)\n'
    return {status: int(count) for status, count in re.findall(pattern, metrics.exposition())}
