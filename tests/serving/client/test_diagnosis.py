"""What the client reports when no server can be reached, on real ports."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from concurrent import futures
from contextlib import contextmanager

import grpc
import pytest

from serving.client import AsyncClient, Client, Connection, Refused, ServingError, Tls, Unavailable
from serving.client.__main__ import main
from tests.serving.support.certificates import Authority
from tests.serving.support.hammer import free_port

SHORT = 0.5


@contextmanager
def serving(pair=None):
    """The port of a gRPC server without methods, with TLS if it has a certificate."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    if pair:
        credentials = grpc.ssl_server_credentials([(pair.key.encode(), pair.certificate.encode())])
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield port
    finally:
        server.stop(None).wait()


@pytest.fixture
def authority(tmp_path):
    authority = Authority()
    (tmp_path / "ca.pem").write_text(authority.certificate)
    return authority


def said(kind, *addresses, tls=None, timeout=SHORT) -> str:
    """The error of a call, whose deadline passes before gRPC has given up."""
    connection = Connection(addresses=addresses, tls=tls)
    with Client(connection, timeout=timeout) as client, pytest.raises(kind) as caught:
        client.status("m")

    async def ask() -> str:
        async with AsyncClient(connection, timeout=timeout) as client:
            with pytest.raises(kind) as caught:
                await client.status("m")
        return str(caught.value)

    assert asyncio.run(ask()) == str(caught.value)
    return str(caught.value)


def test_nothing_listens():
    port = free_port()
    assert said(Unavailable, f"localhost:{port}") == (
        f"UNAVAILABLE: nothing answers at localhost:{port} (Connection refused)"
    )
    two = said(Unavailable, f"127.0.0.1:{port}", f"localhost:{port}")
    assert two.count("nothing answers at") == 2


def test_nothing_answers_in_time():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(("127.0.0.1", port))
            assert f"nothing answers at 127.0.0.1:{port} within 1 s" in said(Unavailable, f"127.0.0.1:{port}")


def test_an_unknown_name():
    assert "no-such-host.invalid:8500: the name is unknown" in said(Unavailable, "no-such-host.invalid:8500", timeout=5)


def test_the_port_speaks_tls_and_the_client_does_not(authority):
    with serving(authority.sign("localhost")) as port:
        assert f"127.0.0.1:{port} speaks TLS, and this client does not" in said(Refused, f"127.0.0.1:{port}")


def test_the_client_speaks_tls_and_the_port_does_not(authority, tmp_path):
    with serving() as port:
        text = said(Refused, f"localhost:{port}", tls=Tls(ca=tmp_path / "ca.pem"))
    assert f"localhost:{port} does not speak TLS, and this client does" in text


def test_the_certificate_is_of_another_host(authority, tmp_path):
    with serving(authority.sign("models.example")) as port:
        text = said(Refused, f"localhost:{port}", tls=Tls(ca=tmp_path / "ca.pem", server_name="other.example"))
    assert f"the certificate of localhost:{port} is for models.example, localhost, 127.0.0.1, not for" in text


def test_the_certificate_is_of_another_authority(authority, tmp_path):
    with serving(Authority("stranger").sign("localhost")) as port:
        text = said(Refused, f"localhost:{port}", tls=Tls(ca=tmp_path / "ca.pem"))
    assert f"the certificate of localhost:{port} is not trusted" in text


def test_an_answer_of_the_server_stays_what_it_is():
    with serving() as port, Client(f"localhost:{port}", timeout=5) as client, pytest.raises(ServingError) as caught:
        client.status("m")
    assert str(caught.value) == "UNIMPLEMENTED: Method not found!"


def test_the_command_says_it_too(capsys):
    port = free_port()
    words = ["--target", f"localhost:{port}", "--model", "m", "--timeout", str(SHORT)]
    assert main(["status", *words]) == 1
    assert capsys.readouterr().err == (
        f"localhost:{port}: UNAVAILABLE: nothing answers at localhost:{port} (Connection refused)\n"
    )


def test_the_command_says_it_in_one_line(authority, tmp_path):
    with serving() as port:
        words = [
            "--target",
            f"localhost:{port}",
            "--model",
            "m",
            "--timeout",
            "1",
            "--tls-ca",
            str(tmp_path / "ca.pem"),
        ]
        done = subprocess.run(
            [sys.executable, "-m", "serving.client", "status", *words], capture_output=True, text=True
        )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"localhost:{port} does not speak TLS" in line


def test_keys_that_no_row_has_are_refused(tmp_path, capsys):
    (tmp_path / "rows.jsonl").write_text(json.dumps({"fare": 1}))
    words = ["--target", "localhost:1", "--model", "m", "--input", str(tmp_path / "rows.jsonl"), "--keys", "id", "fare"]
    assert main(["predict", *words]) == 2
    assert capsys.readouterr().err == "predict: --keys: no row has id\n"
