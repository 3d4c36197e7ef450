"""The REST API of a real server process, over real connections."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import time
from concurrent import futures

import pytest

from tests.conformance import models
from tests.conformance.calls import Rest
from tests.serving.rest.sending import one_model, send
from tests.serving.support.running import RunningServer

pytestmark = pytest.mark.tensorflow

SECONDS = 30
METRICS = "/monitoring/prometheus/metrics"
PREDICT = "/v1/models/half_plus_two:predict"
# Some 20 µs each: long enough to be running when the server is stopped, and longer than any test waits.
SOME_TURNS, ENDLESS_TURNS = 10_000, 10_000_000_000


@pytest.fixture(scope="module")
def server(folder):
    flags = ("--rest_api_port", -1, "--model_config_file", folder / "models.config", *models.FLAGS)
    with RunningServer(*flags, "--monitoring_config_file", folder / "monitoring.config") as running:
        yield running


@pytest.fixture(scope="module")
def rest(server):
    return Rest(server.rest)


@pytest.fixture(scope="module")
def strict(folder):
    """A server with little time and room, and without metrics."""
    flags = ("--rest_api_timeout_in_ms", 1500, "--max_message_bytes", 10_000, "--rest_api_enable_cors_support")
    with RunningServer("--rest_api_port", -1, *one_model(folder, "slow"), *flags) as running:
        yield running


def slow_body(turns: int) -> str:
    return json.dumps({"inputs": {"x": [1.0], "turns": turns}})


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        ("POST", "/v1/models/several:predict", {"signature_name": "add", "inputs": {"a": [1, 2], "b": [1, 2, 3]}}, 400,
         "Incompatible shapes: [2] vs. [3]"),
        ("POST", "/v1/models/half_plus_two", {}, 400, "Malformed request: POST /v1/models/half_plus_two"),
        ("POST", "/v1/models/m:Predict", {}, 400, "Malformed request: POST /v1/models/m:Predict"),
        ("POST", f"{PREDICT}?a=1", {}, 400, f"Malformed request: POST {PREDICT}?a=1"),
        ("PUT", PREDICT, {}, 400, f"Malformed request: PUT {PREDICT}"),
        ("GET", f"/v1/models/m/versions/{2**63}", None, 400, f"Failed to convert version: {2**63} to numeric."),
        ("GET", "/", None, 404, "Not Found: /"),
    ],
)  # fmt: skip
def test_errors_that_conformance_does_not_show(rest, method, path, body, status, text):
    answer = rest.call(method, path, body if body is None or isinstance(body, str) else json.dumps(body))
    assert answer.status == status
    assert list(answer.body) == ["error"]
    assert text in answer.body["error"]
    assert answer.headers["content-type"] == "application/json"


def test_zipped_bodies(server):
    body = gzip.compress(b'{"instances": [[2.0]]}')
    status, _, text = send(server.rest, "POST", PREDICT, body, Content_Encoding="gzip")
    assert (status, json.loads(text)) == (200, {"predictions": [[3.0]]})
    for broken in (b"no gzip", body[:-12]):
        status, _, text = send(server.rest, "POST", PREDICT, broken, Content_Encoding="gzip")
        assert status == 400
        assert "not a gzip stream" in json.loads(text)["error"]


def test_a_body_may_come_in_pieces(server):
    pieces = iter([b'{"instances"', b": [[2", b".0]]}"])
    status, _, text = send(server.rest, "POST", PREDICT, pieces)
    assert (status, json.loads(text)) == (200, {"predictions": [[3.0]]})


def test_one_connection_serves_many_requests(server):
    connection = http.client.HTTPConnection(server.rest, timeout=SECONDS)
    connection.connect()
    port = connection.sock.getsockname()
    for value in range(20):
        connection.request("POST", PREDICT, json.dumps({"instances": [[value]]}))
        response = connection.getresponse()
        assert json.loads(response.read()) == {"predictions": [[value / 2 + 2]]}
        assert connection.sock.getsockname() == port
    connection.close()


def test_clients_that_hang_up_or_send_garbage_do_not_affect_others(server):
    host, port = server.rest.split(":")
    for said in (b"", b"\x00\xff" * 100, b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nshort"):
        with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
            connection.sendall(said)
    assert Rest(server.rest).post(PREDICT, {"instances": [[2.0]]}).body == {"predictions": [[3.0]]}


def test_a_port_of_0_switches_rest_off(folder):
    with RunningServer("--rest_api_port", 0, *one_model(folder, "half_plus_two")) as running:
        assert running.rest is None


def test_no_metrics_without_the_flag(strict):
    assert Rest(strict.rest).get(METRICS).status == 404


def test_a_request_has_its_time(strict):
    answer = Rest(strict.rest).call("POST", "/v1/models/slow:predict", slow_body(ENDLESS_TURNS))
    assert answer.status == 504
    assert list(answer.body) == ["error"]


@pytest.mark.slow
def test_more_requests_than_allowed_are_refused(folder):
    flags = (*one_model(folder, "slow"), "--rest_api_port", -1, "--max_concurrent_requests", 1)
    with RunningServer(*flags) as limited, futures.ThreadPoolExecutor(1) as pool:
        long = pool.submit(Rest(limited.rest).call, "POST", "/v1/models/slow:predict", slow_body(10 * SOME_TURNS))
        time.sleep(0.3)
        statuses = set()
        while not long.done():
            statuses.add(Rest(limited.rest).get("/v1/models/slow").status)
        assert long.result().status == 200
        assert 429 in statuses
        assert Rest(limited.rest).get("/v1/models/slow").status == 200


def test_long_bodies_are_refused_before_and_after_they_are_unzipped(strict):
    long, path = b" " * 20_000, "/v1/models/slow:predict"
    packed = gzip.compress(long)
    assert len(packed) < 10_000
    pieces = iter([long[:10_000], long[10_000:]])
    for body, headers in ((long, {}), (pieces, {}), (packed, {"Content_Encoding": "gzip"})):
        status, _, text = send(strict.rest, "POST", path, body, **headers)
        assert status == 413
        assert json.loads(text) == {"error": "the body is longer than 10000 bytes; see --max_message_bytes"}
    assert Rest(strict.rest).call("POST", path, slow_body(1)).body == {"outputs": [1.0]}


@pytest.mark.slow
def test_a_zipped_body_may_have_parts_but_not_be_a_bomb(server):
    packed = gzip.compress(b'{"instances": ') + gzip.compress(b"[[2.0]]}")
    status, _, text = send(server.rest, "POST", PREDICT, packed, Content_Encoding="gzip")
    assert (status, json.loads(text)) == (200, {"predictions": [[3.0]]})
    bomb = gzip.compress(b" " * (101 * 2**20))
    assert len(bomb) < 2**20
    status, _, text = send(server.rest, "POST", PREDICT, bomb, Content_Encoding="gzip")
    assert status == 413
    assert "the unzipped body is longer than 104857600 bytes" in json.loads(text)["error"]


def test_a_body_that_never_comes_does_not_wait_for_ever(strict):
    host, port = strict.rest.split(":")
    with socket.create_connection((host, int(port)), timeout=SECONDS) as connection:
        connection.sendall(b"POST /v1/models/slow:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert b"408" in connection.recv(1000).splitlines()[0]


def test_pages_of_other_origins_may_call_with_the_flag(strict, server):
    wanted = {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "POST, GET",
        "access-control-allow-headers": "Content-Type",
    }
    for method, path in (("OPTIONS", "/v1/models/slow:predict"), ("GET", "/v1/models/slow"), ("GET", "/v1/none")):
        status, headers, _ = send(strict.rest, method, path, Origin="http://page")
        assert wanted.items() <= {name.lower(): value for name, value in headers.items()}.items()
        assert status == {"/v1/none": 400}.get(path, 200)
    assert "access-control-allow-origin" not in send(strict.rest, "GET", "/none")[1]
    assert "access-control-allow-origin" not in send(server.rest, "GET", "/v1/models/half_plus_two")[1]


@pytest.mark.slow
def test_what_was_accepted_is_answered_after_sigterm(folder):
    with RunningServer("--rest_api_port", -1, *one_model(folder, "slow")) as running:
        rest, body = Rest(running.rest), slow_body(5 * SOME_TURNS)
        with futures.ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(rest.call, "POST", "/v1/models/slow:predict", body) for _ in range(4)]
            _wait_for_requests(running.rest, 4)
            running.terminate()
            answers = [future.result() for future in asked]
        running.process.join(SECONDS)
    assert [(answer.status, answer.body) for answer in answers] == [(200, {"outputs": [1.0]})] * 4
    assert [answer.headers.get("connection") for answer in answers] == ["close"] * 4
    assert running.process.exitcode == 0
    with pytest.raises(ConnectionRefusedError):
        rest.get("/v1/models/slow")


@pytest.mark.slow
def test_a_request_on_an_open_connection_is_answered_while_the_server_ends(folder):
    body = b'{"instances": [[2.0]]}'
    with RunningServer("--rest_api_port", -1, *one_model(folder, "half_plus_two")) as running:
        host, port = running.rest.split(":")
        with socket.create_connection((host, int(port)), timeout=SECONDS) as early:
            # Connections are accepted in their order: after this answer, the early one is.
            assert send(running.rest, "POST", PREDICT, body)[0] == 200
            running.terminate()
            _wait_for_refusal(host, int(port))
            # A server that closed idle connections with its port would have closed this one by now.
            time.sleep(0.2)
            early.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (PREDICT.encode(), len(body)))
            early.sendall(body)
            answer = b"".join(iter(lambda: early.recv(65536), b""))
        running.process.join(SECONDS)
    head, _, text = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nconnection: close" in head
    assert json.loads(text) == {"predictions": [[3.0]]}
    assert running.process.exitcode == 0


@pytest.mark.slow
def test_ipv6_addresses(folder):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with RunningServer("--host=::1", "--rest_api_port=-1", *one_model(folder, "half_plus_two")) as running:
        assert running.rest.startswith("[::1]:")
        assert send(running.rest, "GET", "/v1/models/half_plus_two")[0] == 200


def test_a_port_in_use_ends_the_server_with_one_line(folder, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = RunningServer("--rest_api_port", port, *one_model(folder, "half_plus_two"), log=tmp_path / "log")
        with pytest.raises(EOFError), running:
            pass
    running.process.join(SECONDS)
    assert running.process.exitcode == 1
    assert (tmp_path / "log").read_text() == (
        f"--rest_api_port: 127.0.0.1:{port} cannot be bound (Address already in use); is another server running?\n"
    )


def _wait_for_requests(target: str, wanted: int) -> None:
    """Until so many connections to the server are open."""
    port = int(target.rpartition(":")[2])
    end = time.monotonic() + SECONDS
    while _connections(port) < wanted:
        assert time.monotonic() < end, "the requests did not arrive in time"
        time.sleep(0.02)
    time.sleep(0.1)


def _wait_for_refusal(host: str, port: int) -> None:
    """Until the server has closed its port."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            socket.create_connection((host, port), timeout=0.2).close()
        except ConnectionRefusedError:
            return
        except OSError:
            continue
    raise AssertionError("the port stays open")


def _connections(port: int) -> int:
    import psutil

    return sum(
        entry.status == psutil.CONN_ESTABLISHED and entry.raddr.port == port
        for entry in psutil.net_connections("tcp")
        if entry.raddr
    )
