"""What a node leaves behind is freed when it has ended."""

import gc
import weakref

from pipeline.running import garbage_collection


class Left:
    """A part of a cycle."""

    def __init__(self):
        self.own = self


def test_cycles_are_freed_after_a_node_though_the_collector_would_not_come():
    gc.disable()
    try:
        left = weakref.ref(Left())
        assert left() is not None
        garbage_collection.after_node()
        assert left() is None
    finally:
        gc.enable()
