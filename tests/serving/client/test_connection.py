"""Where the client connects to, and which failed calls it repeats."""

import asyncio
import time

import grpc
import numpy as np
import pytest

from serving.client import (
    AsyncClient,
    Client,
    Connection,
    DeadlineExceeded,
    InvalidRequest,
    Refused,
    Retry,
    ServingError,
    Tls,
    Unavailable,
)
from serving.client.errors import error_of
from tests.serving.client.listening import listening


@pytest.mark.parametrize(
    ("addresses", "target"),
    [
        ("localhost:8500", "dns:///localhost:8500"),
        ("dns:///models:8500", "dns:///models:8500"),
        ("unix:/tmp/socket", "unix:/tmp/socket"),
        ("127.0.0.1:1,127.0.0.2:2", "ipv4:127.0.0.1:1,127.0.0.2:2"),
        ("127.0.0.1:1, localhost:1", "ipv4:127.0.0.1:1"),
        ("[::1]:1,127.0.0.1:2", "ipv6:[::1]:1,[::ffff:127.0.0.1]:2"),
    ],
)
def test_addresses_become_a_grpc_target(addresses, target):
    assert Connection.of(addresses).target() == target


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Connection.of(""), "no address is given"),
        (lambda: Connection.of("localhost"), "'localhost' is not host:port"),
        (lambda: Connection.of("a:1,dns:///b:1"), "'dns:///b:1': a gRPC target must be the only address"),
        (lambda: Connection(addresses=("a:1", "b:1"), tls=Tls()), "need server_name"),
        (lambda: Connection(addresses=("a:1",), max_message_bytes=2**31), "max_message_bytes: 2147483648 is not"),
        (lambda: Retry(attempts=6), "attempts: 6 is not between 1 and 5"),
        (lambda: Retry(initial_seconds=0), "must be above 0"),
        (lambda: Tls(certificate="a"), "give both the client"),
        (lambda: Client("a:1", requests_in_flight=0), "requests_in_flight must be above 0, not 0"),
    ],
)
def test_connections_that_cannot_be_are_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_an_unknown_name_among_several_is_refused():
    with pytest.raises(OSError, match="nowhere.invalid:1: the name is unknown"):
        Connection.of("localhost:1,nowhere.invalid:1").target()


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        ("FAILED_PRECONDITION", "x", InvalidRequest),
        ("UNAVAILABLE", "Connection refused", Unavailable),
        ("UNAVAILABLE", "Ssl handshake failed", Refused),
        ("UNAUTHENTICATED", None, Refused),
        ("UNIMPLEMENTED", "x", ServingError),
    ],
)
def test_errors_are_sorted_by_what_can_be_done(code, details, kind):
    error = error_of(grpc.StatusCode[code], details)
    assert type(error) is kind
    assert (error.code.name, error.details) == (code, details or "")


class Moody(grpc.GenericRpcHandler):
    """A server that ends its first calls in given status codes, None for well, and has no opinion on models."""

    def __init__(self, *moods, details="not now", pause=0.0):
        self.moods, self.details, self.pause, self.asked = list(moods), details, pause, 0
        self.deadlines = []

    def service(self, _):
        def answer(_, context):
            self.asked += 1
            self.deadlines.append(time.monotonic() + context.time_remaining())
            time.sleep(self.pause)
            mood = self.moods.pop(0) if self.moods else None
            if mood:
                context.abort(grpc.StatusCode[mood], self.details)
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture(params=[Client, AsyncClient])
def ask(request):
    """``ask(address, attempts, client's arguments, method, *arguments)`` through either client."""

    def synchronous(address, attempts, settings, method, *arguments, **how):
        retry = Retry(attempts=attempts, initial_seconds=0.01)
        with Client(Connection(addresses=(address,), retry=retry), **settings) as client:
            return getattr(client, method)(*arguments, **how)

    def asynchronous(address, attempts, settings, method, *arguments, **how):
        async def run():
            retry = Retry(attempts=attempts, initial_seconds=0.01)
            async with AsyncClient(Connection(addresses=(address,), retry=retry), **settings) as client:
                return await getattr(client, method)(*arguments, **how)

        return asyncio.run(run())

    return synchronous if request.param is Client else asynchronous


@pytest.mark.parametrize(
    ("moods", "attempts", "asked", "end"),
    [
        (["UNAVAILABLE", "CANCELLED"], 3, 3, None),
        (["UNAVAILABLE"] * 3, 3, 3, "UNAVAILABLE"),
        (["UNAVAILABLE"], 1, 1, "UNAVAILABLE"),
        (["INTERNAL"], 3, 1, "INTERNAL"),
        (["RESOURCE_EXHAUSTED"], 3, 1, "RESOURCE_EXHAUSTED"),
    ],
)
def test_only_calls_without_a_server_are_retried(ask, moods, attempts, asked, end):
    handler = Moody(*moods)
    with listening(handler) as address:
        if end:
            with pytest.raises(ServingError, match=f"{end}: not now"):
                ask(address, attempts, {}, "status", "any")
        else:
            assert ask(address, attempts, {}, "status", "any") == {}
    assert handler.asked == asked


# gRPC's text when a connection breaks; the client then retries once by itself.
BROKEN = "Socket closed"


@pytest.mark.parametrize("details", ["not now", BROKEN])
def test_a_reload_is_never_sent_again(ask, details):
    handler = Moody("UNAVAILABLE", details=details)
    with listening(handler) as address, pytest.raises(Unavailable, match=details):
        ask(address, 5, {}, "reload_config", "model_config_list {}")
    assert handler.asked == 1


def test_all_attempts_share_one_timeout(ask):
    handler = Moody("UNAVAILABLE", "UNAVAILABLE", details=BROKEN, pause=0.5)
    with listening(handler) as address:
        assert ask(address, 2, {"timeout": 10}, "status", "any") == {}
        assert handler.asked == 3
        # The third one, the client's own, began a second after the first and is to end at the same moment.
        assert handler.deadlines[2] - handler.deadlines[0] < 0.5
        handler.moods = ["UNAVAILABLE"] * 9
        handler.asked = 0
        with pytest.raises((DeadlineExceeded, Unavailable)):
            ask(address, 2, {"timeout": 0.8}, "status", "any")
    assert handler.asked == 2


def test_of_many_chunks_only_the_broken_one_is_retried(ask):
    handler = Moody(None, "UNAVAILABLE", "UNAVAILABLE", details=BROKEN)
    arrays = {"x": np.zeros((3, 1), np.float32)}
    with listening(handler) as address:
        ask(address, 2, {"requests_in_flight": 1}, "predict_arrays", "any", arrays, chunk_rows=1)
    assert handler.asked == 1 + 3 + 1
