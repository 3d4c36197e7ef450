"""What a file of the wrong format is, by its first bytes."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import BinaryIO

_FORMATS = {
    b"\x1f\x8b": "is compressed by gzip; let its name end in .gz, once",
    b"PK\x03\x04": "is a zip archive or a spreadsheet; unpack it, or export it as CSV",
    b"\xd0\xcf\x11\xe0": "is a spreadsheet; export it as CSV",
    b"BZh": "is compressed by bzip2; decompress it, or use gzip",
    b"\xfd7zXZ\0": "is compressed by xz; decompress it, or use gzip",
    b"(\xb5/\xfd": "is compressed by zstd; decompress it, or use gzip",
    b"PAR1": "is a Parquet file; let its name end in .parquet, and set data.format: parquet",
    b"ARROW1": "is an Arrow file; let its name end in .arrow, and set data.format: arrow",
    b"ORC": "is an ORC file; convert it to Parquet",
    b"Obj\x01": "is an Avro file; convert it to Parquet",
    b"SQLite format 3\0": "is a database of SQLite; set data.format: sql",
    b"%PDF": "is a PDF; export its table as CSV",
    b"FEA1": "is a Feather file of version 1; write it in version 2",
    b"\xff\xff\xff\xff": "may be in Arrow's stream format; write it in Arrow's file format",
    b"\x80": "may be a pickle of Python; write it as CSV or Parquet",
    b"\x93NUMPY": "is an array of NumPy; write it with the names of its columns as CSV or Parquet",
}


def of_another(path: str, open_file: Callable[[str], BinaryIO]) -> str | None:
    """What a file is instead of text, and what to do; None if it is nothing that is known.

    Args:
        path: path of the file; one that ends in ``.gz`` is decompressed.
        open_file: opens a path for reading bytes.
    """
    try:
        with open_file(path) as stream, gzip.GzipFile(fileobj=stream) as unpacked:
            begin = (unpacked if path.endswith(".gz") else stream).read(16)
    except (OSError, EOFError, zlib.error):
        return None
    return next((text for mark, text in _FORMATS.items() if begin.startswith(mark)), None)
