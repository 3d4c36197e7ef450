"""Keeps Python's garbage collector away from objects that it cannot collect.

Importing TFX creates a million objects that live as long as the process. The collector visits them repeatedly during
the import (a third of its time), in every full collection, and once more at exit (2 s).
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

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


def before_exit() -> None:
    """Skip the collection at exit; the operating system frees the memory."""
    gc.freeze()
