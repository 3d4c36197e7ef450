"""The two fast ways to run a graph from Python. Both are private to ``tf.compat.v1.Session``, and used only here.

One example on the taxi model: a callable that runs in the caller's thread takes 90 microseconds, a run that can be
cancelled 180 (and four times the CPU, since it changes threads), the eager signature of ``tf.saved_model.load`` 400.
If TensorFlow drops them, `Session.make_callable` and `Session.run` do the same, slower, and a test fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.client import pywrap_tf_session

# Runs every op in the calling thread (tensorflow/core/protobuf/config.proto, RunOptions.inter_op_thread_pool).
_IN_CALLERS_THREAD = -1
Run = Callable[[Sequence[np.ndarray]], list[np.ndarray]]


def in_callers_thread(session: tf.compat.v1.Session, *, feeds: Sequence[str], fetches: Sequence[str]) -> Run:
    """A function from arrays for ``feeds`` to arrays of ``fetches``, without a time limit."""
    make = getattr(session, "_make_callable_from_options", None)
    if make is None:
        run = session.make_callable(list(fetches), feed_list=[session.graph.get_tensor_by_name(name) for name in feeds])
        return lambda arrays: run(*arrays)
    options = config_pb2.CallableOptions(feed=feeds, fetch=fetches)
    options.run_options.inter_op_thread_pool = _IN_CALLERS_THREAD
    compiled = make(options)
    return lambda arrays: compiled(*arrays)


def within(session: tf.compat.v1.Session, *, feeds: Sequence[str], fetches: Sequence[str]) -> Callable[..., list]:
    """A function of arrays and a number of milliseconds, after which the run is cancelled (DEADLINE_EXCEEDED)."""
    if not hasattr(session, "_call_tf_sessionrun"):
        return lambda arrays, milliseconds: session.run(
            list(fetches), dict(zip(feeds, arrays, strict=True)), config_pb2.RunOptions(timeout_in_ms=milliseconds)
        )
    inputs = [session.graph.get_tensor_by_name(name)._as_tf_output() for name in feeds]  # noqa: SLF001
    outputs = [session.graph.get_tensor_by_name(name)._as_tf_output() for name in fetches]  # noqa: SLF001

    def run(arrays: Sequence[np.ndarray], milliseconds: int) -> list[np.ndarray]:
        options = config_pb2.RunOptions(timeout_in_ms=milliseconds).SerializeToString()
        buffer = pywrap_tf_session.TF_NewBufferFromString(options)
        try:
            feed = dict(zip(inputs, arrays, strict=True))
            return session._call_tf_sessionrun(buffer, feed, outputs, [], None)  # noqa: SLF001
        finally:
            pywrap_tf_session.TF_DeleteBuffer(buffer)

    return run
