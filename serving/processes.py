"""Processes that load models, each a fork of one that has imported TensorFlow and done nothing else.

Importing TensorFlow takes seconds; forking a process that has imported it takes milliseconds. The caller itself cannot
be forked: it has run TensorFlow, whose threads do not survive a fork.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext


def process_context() -> ForkServerContext:
    """A multiprocessing context whose processes start with TensorFlow imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["serving.inference.engine"])
    return context


def warm_up() -> None:
    """Start importing TensorFlow in the background; otherwise the first process pays for the import."""
    process_context()
    forkserver.ensure_running()
