"""A local HTTP service with routes, a memory of what it was asked, and faults that can be planted."""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Handler = Callable[..., Any]


@dataclass(frozen=True)
class Asked:
    """One request, as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


class Refusal(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, body: Any, *, headers: dict[str, str] | None = None):
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}


@dataclass
class Fault:
    """What happens to the next requests whose method and path match.

    Attributes:
        pattern: searched in ``METHOD PATH``.
        refusal: the answer; None breaks the connection, or never answers.
        hang: never answer, until the service ends.
        after: do what was asked first, so that only the answer is lost.
        times: for how many requests.
    """

    pattern: str
    refusal: Refusal | None = None
    hang: bool = False
    after: bool = False
    times: int = 1


@dataclass
class Service:
    """Routes and memory; subclasses fill ``routes`` with functions of the groups of their pattern."""

    routes: list[tuple[str, str, Handler]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    url: str = ""
    ended: threading.Event = field(default_factory=threading.Event)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def route(self, method: str, pattern: str, handler: Handler) -> None:
        self.routes.append((method, pattern, handler))

    def plant(self, pattern: str, refusal: Refusal | None = None, **options: Any) -> None:
        self.faults.append(Fault(pattern, refusal, **options))

    def requests(self, pattern: str) -> list[Asked]:
        return [each for each in self.asked if re.search(pattern, f"{each.method} {each.path}")]

    def answer(self, request: Asked) -> Any:
        for method, pattern, handler in self.routes:
            match = re.fullmatch(pattern, request.path)
            if match and method == request.method:
                return handler(request, *match.groups())
        raise Refusal(404, {"error": {"code": 404, "message": f"no route for {request.method} {request.path}"}})

    def fault(self, request: Asked) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and re.search(fault.pattern, f"{request.method} {request.path}"):
                fault.times -= 1
                return fault
        return None


@contextmanager
def running(service: Service, *, certificate: Path | None = None) -> Iterator[Service]:
    """The service on a free port, with TLS where there is a ``certificate`` (a PEM with its key)."""

    class _Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            request = Asked(
                method=self.command,
                path=unquote(parts.path),
                query=dict(parse_qsl(parts.query)),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=json.loads(body) if body[:1] in (b"{", b"[") else body.decode(),
            )
            with service.lock:
                service.asked.append(request)
                fault = service.fault(request)
                try:
                    answer = None if fault and not fault.after else service.answer(request)
                    status, headers = 200, {}
                except Refusal as refusal:
                    status, answer, headers = refusal.status, refusal.body, refusal.headers
            if fault and fault.hang:
                service.ended.wait()
                self.close_connection = True
                return
            if fault and fault.refusal is None:
                self.close_connection = True
                return
            if fault:
                status, answer, headers = fault.refusal.status, fault.refusal.body, fault.refusal.headers
            self._send(status, answer, headers)

        def _send(self, status: int, answer: Any, headers: dict[str, str]) -> None:
            text = answer if isinstance(answer, str) else json.dumps(answer)
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    scheme = "http"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    service.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.ended.set()
        server.shutdown()
        server.server_close()
