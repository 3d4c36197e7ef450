"""Streams of Python's from which Arrow reads ahead, in threads of its own."""

from __future__ import annotations

import io
import time
import weakref
from typing import Any, BinaryIO

from components.example_gen.readers.csv_text import NoText

_SECONDS = 2.0


class LentText(io.RawIOBase):
    """A stream without NUL bytes that counts the quotes and the lines that are read from it.

    It ends where it cannot be read, and keeps the error: one that is raised to Arrow would hold the stream.

    Args:
        stream: text in UTF-8.
    """

    def __init__(self, stream: BinaryIO):
        super().__init__()
        self._stream, self.quotes, self._lines = stream, 0, 0
        self.error: Exception | None = None

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes; none at the end, and after an error."""
        try:
            return b"" if self.error else self._read(size)
        except Exception as error:
            self.error = error.with_traceback(None)
            return b""

    def _read(self, size: int) -> bytes:
        data = self._stream.read(size)
        if (place := data.find(b"\0")) >= 0:
            line = self._lines + data.count(b"\n", 0, place) + 1
            raise NoText(f"line {line} after the header has a NUL byte, which is no text; fix the line")
        self.quotes += data.count(b'"')
        self._lines += data.count(b"\n")
        return data


def wait_until_released(*objects: weakref.ref[Any]) -> None:
    """Wait until no thread of Arrow holds the objects, at most two seconds.

    A thread that drops its last reference while the interpreter ends aborts the process ("terminate called without an
    active exception"), so that a refused file would end in SIGABRT instead of its exit code.

    Args:
        objects: what was given to Arrow. The caller has dropped its own references.
    """
    end = time.monotonic() + _SECONDS
    while any(held() is not None for held in objects) and time.monotonic() < end:
        time.sleep(0.001)
