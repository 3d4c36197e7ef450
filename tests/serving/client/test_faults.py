"""Servers that die, hang, restart or are not trusted, and what a caller sees of it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path

import psutil
import pytest

from serving.client import (
    AsyncClient,
    Client,
    Connection,
    DeadlineExceeded,
    Overloaded,
    Refused,
    Retry,
    Tls,
    Unavailable,
)
from tests.serving.support import trips
from tests.serving.support.certificates import Authority
from tests.serving.support.hammer import free_port, wait_for
from tests.serving.support.running import RunningServer

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

PATIENT = Retry(attempts=5, initial_seconds=0.6, max_seconds=5)
ROW = [{"fare": 1}]
SAID = [b"1.0|?|?|?,?"]


@pytest.fixture(scope="module")
def flags(tmp_path_factory):
    """The flags of a server of the model ``taxi``."""
    folder = tmp_path_factory.mktemp("faults")
    (folder / "taxi").mkdir()
    trips.save(folder / "taxi" / "1")
    return ("--model_name", "taxi", "--model_base_path", folder / "taxi")


def test_a_restart_of_the_server_is_not_seen(flags):
    port = free_port()
    counts, errors, stop = [0, 0], [], threading.Event()

    def keep_asking(index: int, rows: list[dict]) -> None:
        with Client(Connection(addresses=(f"localhost:{port}",), retry=PATIENT), timeout=40) as client:
            while not stop.is_set():
                try:
                    client.predict("taxi", rows)
                    counts[index] += 1
                except Exception as error:
                    errors.append(error)
                    return

    def wait_for_more() -> None:
        wanted = [count + 3 for count in counts]
        wait_for(lambda: errors or all(count >= want for count, want in zip(counts, wanted, strict=True)))

    # The second one's requests are larger than gRPC's default limit for retries.
    rows = (ROW, [{"kind": "x" * 1000}] * 1000)
    threads = [threading.Thread(target=keep_asking, args=each) for each in enumerate(rows)]
    try:
        with RunningServer(*flags, "--port", str(port)) as first:
            for thread in threads:
                thread.start()
            wait_for_more()
            first.kill()
        with RunningServer(*flags, "--port", str(port)) as second:
            wait_for_more()
            second.terminate()
        with RunningServer(*flags, "--port", str(port)):
            wait_for_more()
            stop.set()
            for thread in threads:
                thread.join()
    finally:
        stop.set()
    assert not errors


def test_without_another_attempt_a_restart_is_seen_at_once(flags):
    connection = Connection(addresses=(f"localhost:{free_port()}",), retry=Retry(attempts=1))
    with Client(connection) as client, pytest.raises(Unavailable, match="Connection refused"):
        client.predict("taxi", ROW)


def test_calls_go_round_the_servers_and_past_one_that_hangs_or_died(flags, tmp_path):
    with (
        RunningServer(*flags, monitoring=tmp_path / "one") as one,
        RunningServer(*flags, monitoring=tmp_path / "two") as two,
    ):
        both = Connection.of(f"{one.target},{two.target.replace('127.0.0.1', 'localhost')}")
        connection = Connection(addresses=both.addresses, retry=PATIENT, keepalive_seconds=1)
        with Client(connection, timeout=40) as client:

            def ask() -> None:
                assert client.predict("taxi", ROW)["said"].tolist() == SAID

            # Both connections have to be open first.
            wait_for(lambda: ask() or (one.answered("taxi") and two.answered("taxi")))
            before = one.answered("taxi"), two.answered("taxi")
            for _ in range(10):
                ask()
            assert (one.answered("taxi") - before[0], two.answered("taxi") - before[1]) == (5, 5)
            os.kill(one.process.pid, signal.SIGSTOP)
            try:
                for _ in range(4):
                    ask()
            finally:
                os.kill(one.process.pid, signal.SIGCONT)
            two.kill()
            for _ in range(4):
                ask()


def test_a_hanging_server_ends_in_the_deadline(flags):
    async def ask_asynchronously(target: str) -> None:
        async with AsyncClient(target, timeout=0.3) as client:
            with pytest.raises(DeadlineExceeded, match="DEADLINE_EXCEEDED"):
                await client.predict("taxi", ROW)

    with RunningServer(*flags) as server, Client(server.target) as client:
        client.predict("taxi", ROW)
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            with pytest.raises(DeadlineExceeded, match="DEADLINE_EXCEEDED"):
                client.predict("taxi", ROW, timeout=0.3)
            with pytest.raises(DeadlineExceeded):
                client.predict("taxi", ROW * 9, chunk_rows=1, timeout=0.3)
            asyncio.run(ask_asynchronously(server.target))
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        assert client.predict("taxi", ROW)["said"].tolist() == SAID


def test_an_idle_connection_is_reopened_and_the_server_s_limits_are_reported(flags):
    with RunningServer(*flags, "--max_message_bytes", "100000") as server:
        port = int(server.target.rsplit(":")[-1])

        def connected() -> bool:
            connections = psutil.Process().net_connections("tcp")
            return any(each.raddr and each.raddr.port == port and each.status == "ESTABLISHED" for each in connections)

        with Client(Connection(addresses=(server.target,), idle_seconds=1)) as client:
            client.predict("taxi", ROW)
            assert connected()
            wait_for(lambda: not connected(), seconds=20)
            assert client.predict("taxi", ROW)["said"].tolist() == SAID
            rows = [{"kind": "x" * 100}] * 2000
            with pytest.raises(Overloaded, match="larger than max"):
                client.predict("taxi", rows)
            assert len(client.predict("taxi", rows, chunk_rows=500)["said"]) == 2000


def test_tls_and_client_certificates(flags, tmp_path):
    authority, stranger = Authority(), Authority("stranger")
    server_pair, caller = authority.sign("models.example"), authority.sign("caller")
    fields = {
        "server_key": server_pair.key,
        "server_cert": server_pair.certificate,
        "custom_ca": authority.certificate,
    }
    lines = [f'{name}: "{text}"'.replace("\n", "\\n") for name, text in fields.items()]
    (tmp_path / "ssl.config").write_text("\n".join([*lines, "client_verify: true"]))

    def file(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    ca, wrong_ca = file("ca.pem", authority.certificate), file("wrong.pem", stranger.certificate)
    me = {"certificate": file("caller.crt", caller.certificate), "key": file("caller.key", caller.key)}
    once = Retry(attempts=1)

    def ask(target: str, **tls) -> list[bytes]:
        with Client(Connection(addresses=tuple(target.split(",")), tls=Tls(**tls), retry=once)) as client:
            return client.predict("taxi", ROW)["said"].tolist()

    async def ask_asynchronously(target: str, **tls) -> list[bytes]:
        async with AsyncClient(Connection(addresses=(target,), tls=Tls(**tls))) as client:
            return (await client.predict("taxi", ROW))["said"].tolist()

    with RunningServer(*flags, "--ssl_config_file", tmp_path / "ssl.config") as server:
        assert ask(server.target, ca=ca, **me) == SAID
        assert asyncio.run(ask_asynchronously(server.target, ca=ca, **me)) == SAID
        # Two names of one server; the certificate's name is given.
        port = server.target.rsplit(":")[-1]
        two = f"{server.target},localhost:{port}"
        assert ask(two, ca=ca, server_name="models.example", **me) == SAID
        with pytest.raises(Refused, match="is not trusted"):
            ask(server.target, ca=wrong_ca, **me)
        with pytest.raises(Refused, match="is for models.example, localhost, 127.0.0.1, not for other.example"):
            ask(server.target, ca=ca, server_name="other.example", **me)
        with pytest.raises((Refused, Unavailable)):
            ask(server.target, ca=ca)
        connection = Connection(addresses=(server.target,), retry=once)
        with pytest.raises(Refused, match="speaks TLS, and this client does not"), Client(connection) as client:
            client.predict("taxi", ROW)
