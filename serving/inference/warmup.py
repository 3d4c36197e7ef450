"""Warm-up: requests stored beside a model are run before it is served, so that the first caller does not wait.

TF Serving's convention: ``assets.extra/tf_serving_warmup_requests``, a TFRecord file of at most 1000 PredictionLogs.
The rules are those of servables/tensorflow/saved_model_warmup.cc and saved_model_warmup_util.cc; the models' names in
the requests do not matter.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import grpc
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from serving.errors import StatusError, invalid_argument
from serving.inference import calls as inference
from serving.inference.servable import Servable
from serving.metrics import Metrics

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
_MOST_RECORDS = 1000
_RUN = {
    "predict_log": inference.predict,
    "classify_log": inference.classify,
    "regress_log": inference.regress,
    "multi_inference_log": inference.multi_inference,
}


def replay(servable: Servable, saved_model: Path, *, iterations: int = 1, metrics: Metrics | None = None) -> int:
    """Run the requests stored beside ``saved_model``, if there are any.

    Args:
        servable: runs the requests; the answers are dropped.
        saved_model: the model's folder.
        iterations: int, runs of each request.
        metrics: records the duration, by folder and status name.

    Returns:
        The number of records.

    Raises:
        StatusError: a record failed or has an unsupported kind, there are too many, or the file is not a TFRecord
            file.
    """
    path = saved_model / WARMUP_FILE
    if not path.exists():
        return 0
    start, status = time.perf_counter(), grpc.StatusCode.OK
    try:
        return _run_all(servable, path, iterations)
    except StatusError as error:
        status = error.code
        raise
    finally:
        if metrics:
            metrics.model_warmup_latency.observe((time.perf_counter() - start) * 1e6, str(saved_model), status.name)


def write(logs: Iterable[prediction_log_pb2.PredictionLog], saved_model: Path) -> None:
    """Write requests beside ``saved_model``; the same requests always make the same bytes."""
    path = saved_model / WARMUP_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for log in logs:
            writer.write(log.SerializeToString(deterministic=True))


def _run_all(servable: Servable, path: Path, iterations: int) -> int:
    count = 0
    for log in _read(path):
        for _ in range(iterations):
            _run(servable, log)
        count += 1
        if count > _MOST_RECORDS:
            raise invalid_argument(f"Number of warmup records exceeds the maximum ({_MOST_RECORDS}) at {path}")
    return count


def _run(servable: Servable, log: prediction_log_pb2.PredictionLog) -> None:
    kind = log.WhichOneof("log_type")
    if kind is None:
        return
    if kind not in _RUN:
        number = log.DESCRIPTOR.fields_by_name[kind].number
        raise StatusError(grpc.StatusCode.UNIMPLEMENTED, f"Unsupported log_type for warmup: {number}")
    _RUN[kind](servable, getattr(log, kind).request)


def _read(path: Path) -> Iterator[prediction_log_pb2.PredictionLog]:
    # tf.data reads the same, but its errors end in the name of an op. This one only warns that it is deprecated.
    records = tf.compat.v1.io.tf_record_iterator(str(path))
    while True:
        try:
            record = next(records, None)
        except tf.errors.DataLossError as error:
            raise StatusError(
                grpc.StatusCode.DATA_LOSS,
                f"{error.message}. Please verify your warmup data is in TFRecord format.",
            ) from None
        if record is None:
            return
        try:
            yield prediction_log_pb2.PredictionLog.FromString(record)
        except DecodeError:
            text = record.decode(errors="replace")
            raise invalid_argument(f"Failed to parse warmup record: {text} from {path}") from None
