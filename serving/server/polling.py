"""Requests answered in the threads that poll gRPC, instead of being handed to another thread and back.

``grpc.server`` polls in one thread, and hands each call to a thread pool, whose thread asks for the message and waits
until the polling thread has got it. Here the message is asked for at once, several threads poll, and the one that gets
it answers. That saves a fifth of the cost of an empty call, see docs/serving_speed.md. It needs parts of gRPC (1.85)
that are private, used only here; without them the pool is an ordinary one, and a test fails.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc


def _private(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


_server, cygrpc = _private("grpc._server"), _private("grpc._cython.cygrpc")
_NEEDED = (
    "_ServerStage",
    "_process_event_and_continue",
    "_receive_message",
    "_unary_response_in_pool",
    "_RECEIVE_MESSAGE_TOKEN",
    "_CLOSED",
    "_abort",
)
_POLL_SECONDS = 1.0
_ONE_REQUEST = b"exactly one request message is required"


def is_supported() -> bool:
    """Whether this gRPC has what is needed."""
    return all(hasattr(_server, name) for name in _NEEDED) and hasattr(cygrpc, "ReceiveMessageOperation")


class PollingThreads(futures.ThreadPoolExecutor):
    """A thread pool for ``grpc.server`` that answers calls with one request and one response in polling threads.

    Other calls, such as streams, run in the pool's own threads.

    Args:
        max_workers: int, calls answered at a time; there is one polling thread more, so that one always polls.
    """

    def __init__(self, max_workers: int):
        super().__init__(max_workers, thread_name_prefix="grpc")
        self._lock = threading.Lock()
        self._free = max_workers
        self._pollers = max_workers
        self._waiting: deque[Callable[[], None]] = deque()

    def poll(self, server: grpc.Server) -> None:
        """Start the polling threads of a server that has been started; they end when it has stopped."""
        if is_supported():
            for index in range(self._pollers):
                threading.Thread(target=_poll, args=(_state(server),), name=f"grpc_poll_{index}", daemon=True).start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> futures.Future:
        """Take a call from gRPC, or anything else as every thread pool does."""
        if not is_supported() or not args or args[0] is not _server._unary_response_in_pool:
            return super().submit(fn, *args, **kwargs)
        return self._ask_for_message(fn, *args)

    def _ask_for_message(
        self,
        run: Callable[..., Any],
        respond: Callable[..., Any],
        event: Any,
        state: Any,
        behavior: Any,
        _: Any,
        deserializer: Any,
        serializer: Any,
    ) -> futures.Future:
        """Called with the call's lock held, as its handler's first step would be."""
        done = futures.Future()
        received = _server._receive_message(state, event.call, deserializer)

        def answer() -> None:
            try:
                run(respond, event, state, behavior, lambda: _request(state, event.call), deserializer, serializer)
            finally:
                done.set_result(None)

        def on_message(message_event: Any) -> tuple[Any, list[Callable[[], None]]]:
            finished, callbacks = received(message_event)
            return finished, [*callbacks, lambda: self._run(answer)]

        event.call.start_server_batch((cygrpc.ReceiveMessageOperation(0),), on_message)
        state.due.add(_server._RECEIVE_MESSAGE_TOKEN)
        return done

    def _run(self, answer: Callable[[], None]) -> None:
        """Answer in this thread, unless that leaves none to poll; then the next thread that is done answers."""
        with self._lock:
            if not self._free:
                self._waiting.append(answer)
                return
            self._free -= 1
        running: Callable[[], None] | None = answer
        try:
            while running:
                running()
                running = self._next()
        except BaseException:
            # gRPC continues after an exception, so the place must not be lost.
            with self._lock:
                self._free += 1
            raise

    def _next(self) -> Callable[[], None] | None:
        """The next call that waits; None, and a free place, if there is none."""
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._free += 1
            return None


def _request(state: Any, call: Any) -> Any:
    """The message of a call; None if it has none, which is refused, or is cancelled."""
    with state.condition:
        request, state.request = state.request, None
        if request is None and state.client is _server._CLOSED:
            _server._abort(state, call, cygrpc.StatusCode.unimplemented, _ONE_REQUEST)
    return request


def _state(server: Any) -> Any:
    return server._state


def _poll(state: Any) -> None:
    """As gRPC's own thread does (grpc/_server.py, ``_serve``)."""
    while state.stage is not _server._ServerStage.STOPPED:
        event = state.completion_queue.poll(time.time() + _POLL_SECONDS)
        timed_out = event.completion_type == cygrpc.CompletionType.queue_timeout
        if not timed_out and not _server._process_event_and_continue(state, event):
            return
        # An event may hold the call, which must end before the next poll.
        event = None
