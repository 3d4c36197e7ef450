"""Every wrong thing that may listen where a job server should, on real sockets."""

import http.server
import socket
import threading
from concurrent import futures

import grpc
import pytest
from grpc_health.v1 import health, health_pb2_grpc

from pipeline.beam.job_server import check_job_server
from pipeline.config.loading import ConfigError


@pytest.fixture
def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def web_port():
    class Quiet(http.server.BaseHTTPRequestHandler):
        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def other_grpc_port():
    server = grpc.server(futures.ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None)


@pytest.fixture
def silent_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("fixture", "said"),
    [
        ("free_port", "nothing listens (Connection refused)"),
        ("web_port", "something listens that does not speak gRPC (Flink's web port?)"),
        ("other_grpc_port", "a gRPC server listens, but not Beam's job service (a worker pool?)"),
        ("silent_port", "something listens, but does not answer as a job server within 1 s"),
    ],
)
def test_what_is_no_job_server_is_named(request, monkeypatch, fixture, said):
    monkeypatch.setattr("pipeline.beam.job_server._SECONDS", 1.0)
    endpoint = f"127.0.0.1:{request.getfixturevalue(fixture)}"
    with pytest.raises(ConfigError) as error:
        check_job_server(endpoint)
    assert str(error.value).startswith(f"beam.job_endpoint: {endpoint}: {said}.\nStart Beam's job server there")


def test_an_unknown_host_is_named():
    with pytest.raises(
        ConfigError, match=r"beam.job_endpoint: no-such-host.invalid:8099: the host no-such-host.invalid is unknown"
    ):
        check_job_server("no-such-host.invalid:8099")


def test_an_ipv6_address_is_an_address(free_port):
    with pytest.raises(ConfigError, match=r"\[::1\]:\d+: nothing listens"):
        check_job_server(f"[::1]:{free_port}")
