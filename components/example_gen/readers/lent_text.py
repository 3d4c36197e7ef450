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

    Args:
        stream: text in UTF-8.
    """

    def __init__(self, stream: BinaryIO):
        super().__init__()
        self._stream, self.quotes, self._lines = stream, 0, 0

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes.

        Raises:
            NoText: there is a NUL byte.
            Exception: what reading the stream raises.
        """
        try:
            return self._read(size)
        except Exception as error:
            failure = error.with_traceback(None)
        # The traceback holds this frame, which must not hold the stream.
        del self
        raise failure

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
