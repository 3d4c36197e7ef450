"""Reads a request log that is still being written: each record once, by its number in its file.

A file that is being written is read as far as its records are whole. It keeps its place when it is closed, since the
name without ``.open`` stays, and so do all whole records.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.request_log.files import OPEN_SUFFIX, SUFFIX, model_folder

_GZIP = ".gz"
# A file that was not written to for so long is closed, where its name does not tell.
_QUIET_SECONDS = 3_600


@dataclass(frozen=True, kw_only=True)
class LogFile:
    """A file of a log.

    Attributes:
        path: where it is now.
        name: it stays the same when the file is closed.
        size: int, bytes.
        changed: int, when it was last written to, seconds since 1970.
        closed: whether nothing more comes.
    """

    path: Path
    name: str
    size: int
    changed: int
    closed: bool


class Damaged(Exception):
    """The rest of a file cannot be read."""


def log_files(folder: Path, model: str) -> list[LogFile]:
    """The files of a model's log, the oldest first.

    Args:
        folder: the embedded server's ``--request_log_folder``, or a folder with the files that another server's log
            collector wrote, whatever their names; those are in the order of their last change.
        model: the model's name.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    own = model_folder(folder, model)
    if own.is_dir():
        paths = (path for path in own.iterdir() if SUFFIX in path.name)
        return sorted(_files(paths, named=True), key=lambda file: file.name)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: there is no such folder")
    return sorted(_files(folder.iterdir(), named=False), key=lambda file: (file.changed, file.name))


def _files(paths: Iterable[Path], *, named: bool) -> Iterator[LogFile]:
    """The files among the paths; ``named``: whether their names tell which are closed."""
    for path in paths:
        try:
            about = path.stat()
        except FileNotFoundError:
            # It was closed or removed since the listing; the next look finds it, or nobody does.
            continue
        if path.is_file() and not path.name.startswith("."):
            name = path.name.removesuffix(OPEN_SUFFIX)
            changed = int(about.st_mtime)
            closed = name == path.name if named else time.time() - changed > _QUIET_SECONDS
            yield LogFile(path=path, name=name, size=about.st_size, changed=changed, closed=closed)


def records(file: LogFile, *, start: int) -> Iterator[bytes]:
    """The whole records of a file, from a number on.

    Args:
        file: which one; nothing if it is gone.
        start: int, how many records to pass over.

    Raises:
        Damaged: what follows is no whole record, and nothing more comes.
    """
    compression = "GZIP" if file.name.endswith(_GZIP) else ""
    try:
        data = tf.data.TFRecordDataset(str(file.path), compression_type=compression)
        for record in data.skip(start).as_numpy_iterator():
            yield bytes(record)
    except tf.errors.NotFoundError:
        return
    except tf.errors.DataLossError as error:
        if file.closed:
            raise Damaged(error.message) from None


def model_of(log: prediction_log_pb2.PredictionLog) -> str:
    """The name of the model that answered; empty if the record does not say."""
    if name := log.log_metadata.model_spec.name:
        return name
    kind = log.WhichOneof("log_type")
    request = getattr(log, kind).request if kind else None
    if request is None:
        return ""
    specs = [task.model_spec for task in request.tasks] if hasattr(request, "tasks") else [request.model_spec]
    return next((spec.name for spec in specs if spec.name), "")
