"""Python's garbage collector, kept away from what it cannot collect.

Importing TFX makes a million objects that live as long as the process. The collector walks them again and again while
they are made (a third of the import's time), in every full collection after that, and once more at exit (2 s).
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Young objects between two collections; Python's 700 is tuned for small processes.
_THRESHOLD = 50_000


@contextmanager
def importing() -> Iterator[None]:
    """Import inside: nothing is collected meanwhile, and what was made is never looked at again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(_THRESHOLD)
        gc.enable()


def before_exit() -> None:
    """Spare the exit a walk through every object; the operating system frees them all at once."""
    gc.freeze()
