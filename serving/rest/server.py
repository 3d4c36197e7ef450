"""The HTTP server of the REST API: bodies, threads, limits, shutdown. `serving.rest.routes` makes the answers."""

from __future__ import annotations

import asyncio
import select
import threading
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from concurrent import futures
from dataclasses import dataclass
from typing import Any

import grpc
import uvicorn

from serving.api import Api
from serving.metrics import Metrics
from serving.part import HttpReply, HttpRequest, HttpRoutes
from serving.rest.gzipped import unzip
from serving.rest.port import bound
from serving.rest.routes import Routes, is_api, without_server

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[Mapping[str, Any]]]
_Send = Callable[[Mapping[str, Any]], Awaitable[None]]
# http_rest_api_util.cc, AddCORSHeaders.
_CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"POST, GET"),
    (b"access-control-allow-headers", b"Content-Type"),
]
_KEEP_ALIVE_SECONDS = 75
# How long idle connections are kept at shutdown, for requests that are already on their way.
_LINGER_SECONDS = 3.0
_POLL_SECONDS = 0.01
# Bodies above this have to be sent uncompressed.
_MOST_UNZIPPED = 100 * 2**20


class RestServer:
    """TF Serving's REST API on a port.

    The port is bound at once, and accepts connections after `start`.

    Args:
        api: answers the requests.
        metrics: the metrics at ``prometheus_path``.
        host: address to bind.
        port: port to bind; 0 takes a free one.
        num_threads: int, requests answered at the same time.
        timeout_seconds: float, for one request from its arrival.
        prometheus_path: str, path of the metrics; None: they are not served.
        cors: bool, whether pages of other origins may call.
        max_body_bytes: int, longest body, compressed and uncompressed.
        max_concurrent_requests: int, requests running or waiting; more are refused with 429. 0: no limit.
        others: answer other paths than the API's.

    Attributes:
        name: name of the protocol.
        address: ``host:port``.

    Raises:
        OSError: the port cannot be bound; one line.
    """

    name = "REST"

    def __init__(
        self,
        api: Api,
        *,
        metrics: Metrics,
        host: str,
        port: int,
        num_threads: int,
        timeout_seconds: float,
        prometheus_path: str | None,
        cors: bool,
        max_body_bytes: int,
        max_concurrent_requests: int = 0,
        others: Sequence[HttpRoutes] = (),
    ):
        self._socket = bound(host, port)
        shown = f"[{host}]" if ":" in host else host
        self.address = f"{shown}:{self._socket.getsockname()[1]}"
        routes = Routes(api, metrics=metrics, prometheus_path=prometheus_path, others=others)
        self._app = _App(
            routes,
            num_threads=num_threads,
            timeout_seconds=timeout_seconds,
            cors=cors,
            max_body_bytes=max_body_bytes,
            max_concurrent_requests=max_concurrent_requests,
        )
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app,
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="error",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            )
        )
        self._thread = threading.Thread(target=self._run, name="rest", daemon=True)

    def start(self) -> None:
        """Accept requests."""
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(_POLL_SECONDS)

    def stop(self, grace_seconds: float) -> None:
        """Stop accepting connections, finish the accepted requests, and cancel those left after ``grace_seconds``.

        From now on every answer closes its connection, so that clients turn to another server.
        """
        if not self._server.started:
            self._socket.close()
            return
        end = time.monotonic() + grace_seconds
        linger = time.monotonic() + min(grace_seconds, _LINGER_SECONDS)
        self._app.draining = True
        self._loop.call_soon_threadsafe(self._stop_listening, linger)
        while self._server.server_state.connections and time.monotonic() < linger:
            time.sleep(_POLL_SECONDS)
        # Declared as whole seconds, but a fraction does.
        vars(self._server.config).update(timeout_graceful_shutdown=max(0.0, end - time.monotonic()))
        self._server.should_exit = True
        self._thread.join()
        self._app.pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._socket])

    def _stop_listening(self, latest: float) -> None:
        """Close the port once no connection waits to be accepted, since the kernel resets those that do.

        A connection that arrives after the last check is reset all the same; clients may safely retry.
        """
        self._socket.listen(0)
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN)
        if waiting.poll(0) and time.monotonic() < latest:
            self._loop.call_soon(self._stop_listening, latest)
            return
        for listener in self._server.servers:
            listener.close()


@dataclass(frozen=True, kw_only=True)
class _Request:
    """A request without its body."""

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    deadline: float

    @classmethod
    def of(cls, scope: _Scope, *, deadline: float) -> _Request:
        query = scope["query_string"].decode("latin-1")
        path = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        return cls(method=scope["method"], path=without_server(path), headers=dict(scope["headers"]), deadline=deadline)


class _App:
    """The ASGI application: reads a body, lets a thread answer, writes the answer."""

    def __init__(
        self,
        routes: Routes,
        *,
        num_threads: int,
        timeout_seconds: float,
        cors: bool,
        max_body_bytes: int,
        max_concurrent_requests: int,
    ):
        self._routes = routes
        self._timeout_seconds = timeout_seconds
        self._cors = cors
        self._max_body_bytes = max_body_bytes
        self._max_unzipped = min(max_body_bytes, _MOST_UNZIPPED)
        self._max_concurrent_requests = max_concurrent_requests
        self._under_way = 0
        self.pool = futures.ThreadPoolExecutor(num_threads, thread_name_prefix="rest")
        self.draining = False

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        request = _Request.of(scope, deadline=time.monotonic() + self._timeout_seconds)
        self._under_way += 1
        try:
            reply = await self._reply(request, receive)
        except ConnectionAbortedError:
            return
        except asyncio.CancelledError:
            unavailable = grpc.StatusCode.UNAVAILABLE
            reply = self._refuse(request, unavailable, "the server shut down before the request was answered")
        finally:
            self._under_way -= 1
        headers = [
            (b"content-type", reply.content_type.encode()),
            (b"content-length", str(len(reply.body)).encode()),
            *((name.encode(), value.encode()) for name, value in reply.headers.items()),
            *(_CORS if self._cors and is_api(request.path) else ()),
            *([(b"connection", b"close")] if self.draining else ()),
        ]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _reply(self, request: _Request, receive: _Receive) -> HttpReply:
        exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED
        if 0 < self._max_concurrent_requests < self._under_way:
            text = "too many requests at a time (--max_concurrent_requests); try again later"
            return self._refuse(request, exhausted, text)
        try:
            body = await asyncio.wait_for(self._read(request.headers, receive), request.deadline - time.monotonic())
        except TimeoutError:
            text = "the body did not arrive in time; see --rest_api_timeout_in_ms"
            return self._refuse(request, grpc.StatusCode.DEADLINE_EXCEEDED, text, status=408)
        if body is None:
            return self._too_large(request, self._max_body_bytes)
        return await asyncio.get_running_loop().run_in_executor(self.pool, self._answer, request, body)

    def _refuse(self, request: _Request, code: grpc.StatusCode, text: str, *, status: int | None = None) -> HttpReply:
        return self._routes.refuse(request.method, request.path, code, text, status=status)

    async def _read(self, headers: Mapping[bytes, bytes], receive: _Receive) -> bytes | None:
        """The body; None if it is too long.

        Raises:
            ConnectionAbortedError: the client is gone.
        """
        if int(headers.get(b"content-length", b"0")) > self._max_body_bytes:
            return None
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionAbortedError
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._max_body_bytes:
                return None
            more = message.get("more_body", False)
        return b"".join(parts)

    def _answer(self, request: _Request, body: bytes) -> HttpReply:
        seconds = request.deadline - time.monotonic()
        if seconds <= 0:
            text = "the request timed out before a thread was free; see --rest_api_num_threads"
            return self._refuse(request, grpc.StatusCode.DEADLINE_EXCEEDED, text)
        # TF Serving searches the whole header for the word (net_http/server/internal/evhttp_request.cc).
        if b"gzip" in request.headers.get(b"content-encoding", b"").lower():
            try:
                body = unzip(body, most=self._max_unzipped)
            except zlib.error:
                text = "the body is not a gzip stream, but its Content-Encoding says so"
                return self._refuse(request, grpc.StatusCode.INVALID_ARGUMENT, text)
            if len(body) > self._max_unzipped:
                return self._too_large(request, self._max_unzipped)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers.items()}
        asked = HttpRequest(
            method=request.method, path=request.path, headers=headers, body=body, timeout_seconds=seconds
        )
        return self._routes.answer(asked)

    def _too_large(self, request: _Request, limit: int) -> HttpReply:
        if limit == self._max_body_bytes:
            text = f"the body is longer than {limit} bytes; see --max_message_bytes"
        else:
            text = f"the unzipped body is longer than {limit} bytes; send it in parts"
        return self._refuse(request, grpc.StatusCode.RESOURCE_EXHAUSTED, text, status=413)
