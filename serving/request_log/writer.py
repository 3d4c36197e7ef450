"""A sample of requests and answers: PredictionLog records in rotated TFRecord files.

A request pays for a random number and, if it is sampled, for a place in a queue. A thread that empties the queue a few
times a second takes care of serialization, files and their errors.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import EncodeError
from tensorflow_serving.apis import prediction_log_pb2

from serving.metrics import Metrics
from serving.request_log.files import OpenFile, model_folder, prune, recover

logger = logging.getLogger(__name__)

OK, DROPPED = "OK", "DROPPED"
# Longest time until a record is in a file.
_FLUSH_SECONDS = 1.0
# Records are written in batches: waking the thread for each would cost every request a thread switch.
_GATHER_SECONDS = 0.05
_RETRY_SECONDS = 5.0
_FILE_ERRORS = (OSError, tf.errors.OpError)


class RequestLog:
    """Writes in its own thread; a full queue drops records rather than delay requests. Thread-safe.

    A folder that cannot be written costs records, never a request: it is logged once and retried every few seconds.

    Args:
        folder: gets ``<model>/<time>-<pid>-<number>.tfrecord`` files; a file that is being written ends in ``.open``.
        sampling_rate: float, share of requests to log, 0 to 1.
        rotate_bytes: int, size at which a file is closed and renamed.
        rotate_seconds: float, age at which it is.
        max_files: int, files of one model; the oldest are removed. At most ``max_files + 1`` times
            ``rotate_bytes`` are on disk for each model and server.
        max_queued: int, records that wait in memory.
        max_queued_bytes: int, their size.
        metrics: ``request_log_count`` by model and ``OK`` or ``DROPPED``; None: not counted.
    """

    def __init__(
        self,
        *,
        folder: Path,
        sampling_rate: float,
        rotate_bytes: int,
        rotate_seconds: float,
        max_files: int = 100,
        max_queued: int = 1000,
        max_queued_bytes: int = 256 * 2**20,
        metrics: Metrics | None = None,
    ):
        self._sampling_rate = sampling_rate
        self._metrics = metrics
        self._max_queued = max_queued
        self._max_queued_bytes = max_queued_bytes
        self._lock = threading.Lock()
        self._queue: deque[tuple[str, prediction_log_pb2.PredictionLog, int]] = deque()
        self._queued_bytes = 0
        self._filled = threading.Event()
        self._stop = threading.Event()
        self._folder = folder
        self._rotation = _Rotation(bytes=rotate_bytes, seconds=rotate_seconds, max_files=max_files)
        self._files: dict[str, _ModelFile] = {}
        self._thread = threading.Thread(target=self._work, name="request-log", daemon=True)
        self._thread.start()

    def wants(self) -> bool:
        """Whether a request is part of the sample; called once per request, before its record is made."""
        return random.random() < self._sampling_rate

    def write(self, model: str, log: prediction_log_pb2.PredictionLog) -> None:
        """Queue one record; returns at once.

        Args:
            model: the model's name.
            log: the record, not to be changed afterwards; time and sampling rate are filled in.
        """
        size = log.ByteSize()
        with self._lock:
            full = len(self._queue) >= self._max_queued or self._queued_bytes + size > self._max_queued_bytes
            full = full or self._stop.is_set()
            if not full:
                self._queued_bytes += size
                self._queue.append((model, log, size))
        if full:
            self._count(model, DROPPED, 1)
            return
        if not self._filled.is_set():
            self._filled.set()

    def close(self) -> None:
        """Write the queued records and rename the open files."""
        self._stop.set()
        self._filled.set()
        self._thread.join()

    def _work(self) -> None:
        self._recover()
        while not self._stop.is_set():
            self._filled.wait(_FLUSH_SECONDS if self._files else None)
            if self._filled.is_set():
                self._stop.wait(_GATHER_SECONDS)
            self._filled.clear()
            self._write_queued()
            for file in self._files.values():
                file.maintain()
        self._write_queued()
        for file in self._files.values():
            file.close()

    def _recover(self) -> None:
        try:
            for folder in _folders(self._folder):
                recover(folder)
                prune(folder, max_files=self._rotation.max_files)
        except OSError as error:
            logger.warning("request log: files of an earlier server cannot be finished (%s)", error)

    def _write_queued(self) -> None:
        for _ in range(len(self._queue)):
            with self._lock:
                model, log, size = self._queue.popleft()
                self._queued_bytes -= size
            log.log_metadata.timestamp_secs = log.log_metadata.timestamp_secs or int(time.time())
            log.log_metadata.sampling_config.sampling_rate = self._sampling_rate
            record = _serialized(log)
            if record is None:
                self._count(model, DROPPED, 1)
            else:
                self._file(model).write(record)

    def _file(self, model: str) -> _ModelFile:
        if model not in self._files:
            folder = model_folder(self._folder, model)
            self._files[model] = _ModelFile(folder, self._rotation, partial(self._count, model))
        return self._files[model]

    def _count(self, model: str, status: str, amount: int) -> None:
        if self._metrics:
            self._metrics.request_log_count.add(model, status, amount=amount)


@dataclass(frozen=True, kw_only=True)
class _Rotation:
    bytes: int
    seconds: float
    max_files: int


class _ModelFile:
    """The current file of a model's records; errors are handled here.

    A record counts as written when it has left the process, and as dropped if that is uncertain.
    """

    def __init__(self, folder: Path, rotation: _Rotation, count: Callable[[str, int], None]):
        self._folder = folder
        self._rotation = rotation
        self._count = count
        self._file: OpenFile | None = None
        self._opened = 0
        self._unflushed = 0
        self._flush_at = 0.0
        self._retry_at = 0.0
        self._failing = False

    def write(self, record: bytes) -> None:
        """Add one record."""
        if self._file is None and time.monotonic() < self._retry_at:
            self._count(DROPPED, 1)
            return
        if not self._unflushed:
            self._flush_at = time.monotonic() + _FLUSH_SECONDS
        self._unflushed += 1
        with self._logging_errors():
            self._file = self._file or self._open()
            self._file.write(record)
            if self._file.bytes >= self._rotation.bytes:
                self._rotate(self._file)

    def maintain(self) -> None:
        """Flush or rotate the file if it is due."""
        now = time.monotonic()
        with self._logging_errors():
            if self._file and now - self._file.opened >= self._rotation.seconds:
                self._rotate(self._file)
            elif self._file and self._unflushed and now >= self._flush_at:
                self._file.flush()
                self._flushed()

    def close(self) -> None:
        """Rename the file."""
        with self._logging_errors():
            if self._file:
                self._rotate(self._file)

    def _open(self) -> OpenFile:
        self._opened += 1
        return OpenFile(self._folder, number=self._opened)

    def _rotate(self, file: OpenFile) -> None:
        self._file = None
        file.close()
        self._flushed()
        prune(self._folder, max_files=self._rotation.max_files)

    def _flushed(self) -> None:
        self._count(OK, self._unflushed)
        self._unflushed = 0
        if self._failing:
            logger.warning("request log: %s can be written again", self._folder)
        self._failing = False

    @contextmanager
    def _logging_errors(self) -> Iterator[None]:
        """Log an error, once until a write succeeds again, and retry later with another file."""
        try:
            yield
        except _FILE_ERRORS as error:
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            if not self._failing:
                text = getattr(error, "strerror", None) or str(error)
                logger.warning("request log: %s cannot be written (%s); requests are not logged", self._folder, text)
            self._failing = True
            if self._unflushed:
                self._count(DROPPED, self._unflushed)
            self._unflushed = 0
            file, self._file = self._file, None
            if file:
                # Earlier records may still be saved; a second error would say nothing new.
                with contextlib.suppress(*_FILE_ERRORS):
                    file.close()
                with contextlib.suppress(OSError):
                    prune(self._folder, max_files=self._rotation.max_files)


def _serialized(log: prediction_log_pb2.PredictionLog) -> bytes | None:
    """None if the record is too large for a message: request and answer together may exceed 2 GB."""
    try:
        return log.SerializeToString()
    except (EncodeError, ValueError):
        return None


def _folders(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else ()
