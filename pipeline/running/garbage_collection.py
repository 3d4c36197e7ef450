"""Keeps Python's garbage collector away from objects that it cannot collect, and calls it where it finds many.

Importing TFX creates a million objects that live as long as the process. The collector visits them repeatedly during
the import (a third of its time), in every full collection, and once more at exit (2 s).
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

# Young objects between two collections; Python's 700 is tuned for small processes.
_THRESHOLD = 50_000


@contextmanager
def importing() -> Iterator[None]:
    """Import inside: the collector is off, and never visits the imported objects later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(_THRESHOLD)
        gc.enable()


def after_node() -> None:
    """Free what a node leaves behind, so that the next one's peak does not come on top of it.

    Beam's and TensorFlow's objects form cycles, which the collector would find much later; Arrow and the C library keep
    freed memory. Of a table with 300 columns, Transform leaves 400 MB.
    """
    gc.collect()
    pa.default_memory_pool().release_unused()
    # Only glibc has it.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)


def before_exit() -> None:
    """Skip the collection at exit; the operating system frees the memory."""
    gc.freeze()
