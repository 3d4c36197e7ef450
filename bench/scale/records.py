"""Counts the records of TFRecord files, without TensorFlow."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import BinaryIO

_HEADER, _FOOTER = 12, 4


def count_records(folder: Path) -> int:
    """The number of records in all TFRecord files below ``folder``; checksums are not verified."""
    return sum(_count(path) for path in folder.rglob("*tfrecord*") if path.is_file())


def _count(path: Path) -> int:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        return _records(file)


def _records(file: BinaryIO) -> int:
    count = 0
    while header := file.read(_HEADER):
        [length] = struct.unpack_from("<Q", header)
        if len(file.read(length + _FOOTER)) < length + _FOOTER:
            raise EOFError("the last record is truncated")
        count += 1
    return count
