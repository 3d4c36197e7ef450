"""The files of one model's request log: written under a name that ends in ``.open``, renamed when closed.

Readers of the folder see only complete files. The writer holds a lock (flock) on its open file, so that another server
of the same folder can tell a file that is being written from one that a killed server left behind. The kernel releases
the lock with the process, so process ids, which repeat between containers, do not matter.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import time
from pathlib import Path
from urllib.parse import quote

import tensorflow as tf

SUFFIX = ".tfrecord"
OPEN_SUFFIX = ".open"
# A TFRecord is its length (uint64), the length's checksum, the data, and the data's checksum (lib/io/record_writer.h).
_LENGTH = struct.Struct("<Q")
_HEADER_BYTES, _FOOTER_BYTES = 12, 4


def model_folder(folder: Path, model: str) -> Path:
    """The folder of a model's files; a name with a slash stays one folder below ``folder``."""
    name = quote(model, safe="")
    return folder / (f"%2E{name[1:]}" if name.startswith(".") else name)


class OpenFile:
    """A TFRecord file that is being written. Not thread-safe.

    Args:
        folder: created if it is missing.
        number: int, above those of this process's earlier files in the folder, so that names sort by age.

    Attributes:
        bytes: int, bytes written so far, framing included.
        opened: float, creation time by the monotonic clock.

    Raises:
        OSError, tf.errors.OpError: the file cannot be created.
    """

    def __init__(self, folder: Path, *, number: int):
        folder.mkdir(parents=True, exist_ok=True)
        self._path, self._lock = _create(folder, number)
        try:
            self._writer = tf.io.TFRecordWriter(str(self._path))
        except BaseException:
            os.close(self._lock)
            raise
        self.bytes = 0
        self.opened = time.monotonic()

    def write(self, record: bytes) -> None:
        """Add one record; it may stay in memory until `flush`."""
        self._writer.write(record)
        self.bytes += len(record) + _HEADER_BYTES + _FOOTER_BYTES

    def flush(self) -> None:
        """Hand the records to the operating system: they survive the process, not the machine.

        Raises:
            OSError, tf.errors.OpError: the disk is full, or the file is gone, which a write does not notice.
        """
        self._writer.flush()
        self._path.stat()

    def close(self) -> None:
        """Flush and rename; a file without a record is removed.

        Raises:
            OSError, tf.errors.OpError: see `flush`; records flushed before are kept.
        """
        try:
            self._writer.close()
        finally:
            try:
                _finish(self._path)
            finally:
                os.close(self._lock)


def _create(folder: Path, number: int) -> tuple[Path, int]:
    while True:
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        path = folder / f"{stamp}-{os.getpid()}-{number:06d}{SUFFIX}{OPEN_SUFFIX}"
        # Servers in different containers may have the same process id.
        if not path.with_suffix("").exists():
            with contextlib.suppress(FileExistsError):
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
                if _locked(descriptor):
                    return path, descriptor
                # A server that starts at this moment took the new file for a leftover.
                os.close(descriptor)
        number += 1


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _finish(path: Path) -> None:
    """Cut an incomplete last record, and give the file its final name; remove an empty file."""
    whole = _whole_bytes(path)
    if not whole:
        path.unlink()
        return
    if whole < path.stat().st_size:
        os.truncate(path, whole)
    path.rename(path.with_suffix(""))


def _whole_bytes(path: Path) -> int:
    """Bytes of complete records; only headers are read, since a file may be large."""
    whole, size = 0, path.stat().st_size
    with path.open("rb") as stream:
        while whole + _HEADER_BYTES <= size:
            stream.seek(whole)
            (length,) = _LENGTH.unpack(stream.read(_LENGTH.size))
            end = whole + _HEADER_BYTES + length + _FOOTER_BYTES
            if end > size:
                break
            whole = end
    return whole


def recover(folder: Path) -> None:
    """Finish the files that killed servers left open in one model's folder; files being written stay as they are.

    Raises:
        OSError: a file cannot be renamed.
    """
    for path in sorted(folder.glob(f"*{SUFFIX}{OPEN_SUFFIX}")):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            # The writer may have renamed it between the listing and the lock.
            if _locked(descriptor) and path.exists():
                _finish(path)
        finally:
            os.close(descriptor)


def prune(folder: Path, *, max_files: int) -> None:
    """Remove the oldest finished files of one model's folder beyond ``max_files``.

    Raises:
        OSError: a file cannot be removed.
    """
    finished = sorted(folder.glob(f"*{SUFFIX}"))
    for path in finished[: max(0, len(finished) - max_files)]:
        path.unlink(missing_ok=True)
