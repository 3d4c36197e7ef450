"""Calls answered in the threads that poll: on a real port, with what a caller may do to them."""

from __future__ import annotations

import threading
from concurrent import futures

import grpc
import pytest

from serving.server.polling import PollingThreads, is_supported
from tests.serving.support.hammer import wait_for

SECONDS = 20


class Subject:
    """A server whose calls wait until they may go on.

    Attributes:
        threads: the name of each call's thread, in order.
    """

    def __init__(self, max_workers: int, limit: int | None = None):
        self.threads: list[str] = []
        self.gate = threading.Event()
        pool = PollingThreads(max_workers)
        self.server = grpc.server(pool, maximum_concurrent_rpcs=limit)
        handlers = {
            "Echo": grpc.unary_unary_rpc_method_handler(lambda request, context: request),
            "Wait": grpc.unary_unary_rpc_method_handler(self._wait),
            "Abort": grpc.unary_unary_rpc_method_handler(self._abort),
            "Fail": grpc.unary_unary_rpc_method_handler(self._fail),
            "Count": grpc.unary_stream_rpc_method_handler(self._count),
        }
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", handlers),))
        self.target = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()
        pool.poll(self.server)
        self.channel = grpc.insecure_channel(self.target)

    def call(self, name: str):
        return self.channel.unary_unary(f"/test.Service/{name}")

    def _wait(self, request, context):
        self.threads.append(threading.current_thread().name)
        assert self.gate.wait(60)
        return request

    def _abort(self, request, context):
        context.abort(grpc.StatusCode.NOT_FOUND, "not here")

    def _fail(self, request, context):
        raise KeyError("lost")

    def _count(self, request, context):
        self.threads.append(threading.current_thread().name)
        yield from (b"1", b"2", b"3")


@pytest.fixture
def subject():
    made = []

    def make(*args) -> Subject:
        made.append(Subject(*args))
        return made[-1]

    yield make
    for each in made:
        each.gate.set()
        each.channel.close()
        each.server.stop(0).wait(SECONDS)


def test_this_grpc_has_what_is_needed():
    """If it has not, serving/server/polling.py must follow gRPC, or the server costs a fifth more."""
    assert is_supported()


def test_calls_are_answered_in_polling_threads(subject):
    server = subject(3)
    server.gate.set()
    assert [server.call("Wait")(b"%d" % number, timeout=SECONDS) for number in range(50)] == [
        b"%d" % number for number in range(50)
    ]
    # gRPC's own thread polls, too.
    assert any(name.startswith("grpc_poll_") for name in server.threads)


def test_codes_and_streams_are_those_of_any_server(subject):
    server = subject(2)
    for name, code, text in (("Abort", "NOT_FOUND", "not here"), ("Fail", "UNKNOWN", "Exception calling application")):
        with pytest.raises(grpc.RpcError) as caught:
            server.call(name)(b"", timeout=SECONDS)
        assert caught.value.code().name == code
        assert text in caught.value.details()
    assert list(server.channel.unary_stream("/test.Service/Count")(b"", timeout=SECONDS)) == [b"1", b"2", b"3"]
    assert not server.threads[-1].startswith("grpc_poll_")
    with pytest.raises(grpc.RpcError) as caught:
        server.channel.stream_unary("/test.Service/Echo")(iter(()), timeout=SECONDS)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_as_many_calls_as_allowed_run_at_a_time_and_others_wait(subject):
    server = subject(2)
    with futures.ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(server.call("Wait"), b"%d" % number, timeout=SECONDS) for number in range(6)]
        wait_for(lambda: len(server.threads) == 2)
        # Somebody still polls: this call arrives, and ends at its deadline.
        with pytest.raises(grpc.RpcError) as caught:
            server.call("Echo")(b"", timeout=0.5)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert len(server.threads) == 2
        server.gate.set()
        assert sorted(call.result() for call in calls) == [b"%d" % number for number in range(6)]
    assert server.call("Echo")(b"x", timeout=SECONDS) == b"x"


def test_more_calls_than_the_limit_are_refused_at_once(subject):
    server = subject(1, 2)

    def accepted() -> bytes:
        # An Echo below may have the second place for a moment.
        while True:
            try:
                return server.call("Wait")(b"", timeout=SECONDS)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise

    with futures.ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(accepted) for _ in range(2)]
        wait_for(lambda: server.threads)
        wait_for(lambda: _code(server.call("Echo")) is grpc.StatusCode.RESOURCE_EXHAUSTED)
        server.gate.set()
        assert [call.result() for call in calls] == [b"", b""]
    wait_for(lambda: _code(server.call("Echo")) is grpc.StatusCode.OK)


def test_a_stop_lets_accepted_calls_end(subject):
    server = subject(2)
    with futures.ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(server.call("Wait"), b"%d" % number, timeout=SECONDS) for number in range(2)]
        wait_for(lambda: len(server.threads) == 2)
        stopped = server.server.stop(SECONDS)
        assert not stopped.wait(0.3)
        server.gate.set()
        assert stopped.wait(SECONDS)
        assert sorted(call.result() for call in calls) == [b"0", b"1"]
    wait_for(lambda: not any(thread.name.startswith("grpc_poll_") for thread in threading.enumerate()))


def test_a_stop_cancels_what_outlives_the_grace_period(subject):
    server = subject(1)
    call = server.call("Wait").future(b"", timeout=SECONDS)
    wait_for(lambda: server.threads)
    assert server.server.stop(0.2).wait(SECONDS)
    assert call.code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)


def test_a_client_that_cancels_keeps_nobody_waiting(subject):
    server = subject(1)
    waiting = server.call("Wait").future(b"", timeout=SECONDS)
    wait_for(lambda: server.threads)
    queued = [server.call("Wait").future(b"", timeout=SECONDS) for _ in range(5)]
    for call in queued:
        call.cancel()
    server.gate.set()
    assert waiting.result() == b""
    assert server.call("Echo")(b"x", timeout=SECONDS) == b"x"


def _code(method) -> grpc.StatusCode:
    try:
        method(b"", timeout=SECONDS)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK
