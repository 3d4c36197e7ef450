"""Waiting for the threads with which Arrow reads ahead from a stream of Python's."""

from __future__ import annotations

import time
import weakref
from typing import Any

_SECONDS = 2.0


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
