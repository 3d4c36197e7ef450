"""Closed-loop load from a separate process: several clients, each with one request in flight.

Request bytes are ready before the clock starts and responses are not parsed, to keep the client's share of the time
small. A call of gRPC's Python client still costs 100 to 200 microseconds: if ``client_busy`` is near 1, the load is the
limit, not the server, and the server's CPU per request is the figure to read.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial

from bench.serving.processes import cpu_seconds, module

_PREDICT = "/tensorflow.serving.PredictionService/Predict"
_WARM_UP_CALLS = 30
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The figures of one slice of load.

    Attributes:
        rate: answered requests per second.
        p50: median latency in milliseconds.
        p99: 99th percentile of the latency in milliseconds.
        server_us: CPU microseconds of the server per request; None if its process is unknown.
        client_busy: share of the load's core that the load used, 0 to 1.
    """

    rate: float
    p50: float
    p99: float
    server_us: float | None
    client_busy: float


class LoadProcess:
    """Runs slices of load one after another. Use as a context manager.

    Args:
        core: index of the CPU core for the load.
    """

    def __init__(self, *, core: int):
        self._core = core

    def __enter__(self) -> LoadProcess:
        self._process = subprocess.Popen(
            module("bench.serving.load", self._core), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._process.stdin.close()
        self._process.wait(_TIMEOUT_SECONDS)
        self._process.stdout.close()

    def run(
        self, target: str, request: bytes, *, pid: int | None, seconds: float, clients: int, rest_path: str = ""
    ) -> Slice:
        """Send requests to ``target`` in a loop.

        Args:
            target: ``host:port``.
            request: a serialized PredictRequest or a JSON body.
            pid: process id of the server; None if unknown.
            seconds: duration, after a few requests that do not count.
            clients: requests in flight at a time.
            rest_path: path of the URL; empty for gRPC.

        Raises:
            RuntimeError: a request failed.
        """
        order = {
            "target": target,
            "request": b64encode(request).decode(),
            "pid": pid,
            "seconds": seconds,
            "clients": clients,
            "rest_path": rest_path,
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"error": "the load generator died"}')
        if "error" in answer:
            raise RuntimeError(f"{target}: {answer['error']}")
        return Slice(**answer)


def _measure(calls: Sequence[Callable[[], object]], *, pid: int | None, seconds: float) -> Slice:
    latencies: list[list[float]] = [[] for _ in calls]
    errors: list[Exception] = []
    begin, stop = threading.Barrier(len(calls) + 1), threading.Event()

    def client(call: Callable[[], object], times: list[float]) -> None:
        try:
            for _ in range(_WARM_UP_CALLS):
                call()
            begin.wait()
            while not stop.is_set():
                start = time.perf_counter()
                call()
                times.append(time.perf_counter() - start)
        except Exception as error:  # noqa: BLE001 (reported to the parent)
            errors.append(error)
            begin.abort()

    threads = [threading.Thread(target=client, args=pair) for pair in zip(calls, latencies, strict=True)]
    for thread in threads:
        thread.start()
    try:
        begin.wait()
    except threading.BrokenBarrierError:
        raise errors[0] from None
    started, own = time.perf_counter(), time.process_time()
    used = cpu_seconds(pid) if pid else 0.0
    time.sleep(seconds)
    used = cpu_seconds(pid) - used if pid else None
    elapsed, own = time.perf_counter() - started, time.process_time() - own
    done = sorted(value for times in latencies for value in list(times))
    stop.set()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return Slice(
        rate=len(done) / elapsed,
        p50=done[len(done) // 2] * 1e3,
        p99=done[int(len(done) * 0.99)] * 1e3,
        server_us=None if used is None else used / len(done) * 1e6,
        client_busy=own / elapsed,
    )


def _grpc_slice(order: dict) -> Slice:
    import grpc

    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
    channels = [grpc.insecure_channel(order["target"], options=options) for _ in range((order["clients"] + 1) // 2)]
    request = b64decode(order["request"])
    # Two clients share a connection.
    methods = [channel.unary_unary(_PREDICT) for channel in channels for _ in range(2)][: order["clients"]]
    calls = [partial(method, request, timeout=_TIMEOUT_SECONDS) for method in methods]
    try:
        return _measure(calls, pid=order["pid"], seconds=order["seconds"])
    finally:
        for channel in channels:
            channel.close()


def _rest_slice(order: dict) -> Slice:
    body = b64decode(order["request"])
    connections = [
        http.client.HTTPConnection(order["target"], timeout=_TIMEOUT_SECONDS) for _ in range(order["clients"])
    ]

    def call(connection: http.client.HTTPConnection) -> None:
        connection.request("POST", order["rest_path"], body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise RuntimeError(f"HTTP {response.status}: {text.decode(errors='replace')}")

    try:
        return _measure(
            [partial(call, connection) for connection in connections],
            pid=order["pid"],
            seconds=order["seconds"],
        )
    finally:
        for connection in connections:
            connection.close()


def main() -> None:
    """Read orders from standard input and write a `Slice` for each to standard output, as JSON lines."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = asdict(_rest_slice(order) if order["rest_path"] else _grpc_slice(order))
        except Exception as error:  # noqa: BLE001 (reported to the parent)
            details = getattr(error, "details", None)
            answer = {"error": f"{error.code().name}: {details()}" if details else f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
