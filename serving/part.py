"""The interface of an optional part of the server: its flags, and what they add.

A part has its own folder and is registered in `serving.server.flags`; nothing else in serving imports it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import grpc

from serving.metrics import Metrics
from serving.options import ServerOptions

if TYPE_CHECKING:
    from google.protobuf import descriptor_pool

    from serving.api import Api, RequestLogger
    from serving.inference.servable import Servable

# Other codes are 500.
_HTTP_STATUS = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}
# `add_argument` of an argument group.
AddFlag = Callable[..., object]
# Gets a loaded version, the model's name and the version's folder; returns what to serve.
Wrap = Callable[["Servable", str, Path], "Servable"]


class Listener(Protocol):
    """A server of another protocol than gRPC. Its port is bound when it is created.

    Attributes:
        name: name of the protocol, such as ``REST``.
        address: ``host:port``.
    """

    name: str
    address: str

    def start(self) -> None:
        """Accept requests."""
        ...

    def stop(self, grace_seconds: float) -> None:
        """Stop accepting requests, finish the accepted ones, and cancel those left after ``grace_seconds``."""
        ...


@dataclass(frozen=True, kw_only=True)
class GrpcService:
    """A service on the gRPC port.

    Attributes:
        name: its full name.
        methods: by name: request class, response class, and a function from request and seconds that are left (None:
            no deadline) to the response, which raises nothing but `StatusError`.
        pool: where the service is defined.
    """

    name: str
    methods: Mapping[str, tuple[Any, Any, Callable[[Any, float | None], Any]]]
    pool: descriptor_pool.DescriptorPool


@dataclass(frozen=True, kw_only=True)
class HttpRequest:
    """A request on the HTTP port.

    Attributes:
        method: ``GET``, ``POST`` or another.
        path: str, percent-encoded, with the query.
        headers: by lower-case name.
        body: the uncompressed body.
        timeout_seconds: float, for the run of the model.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    timeout_seconds: float


@dataclass(frozen=True, kw_only=True)
class HttpReply:
    """The response to a request on the HTTP port."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class HttpRoutes(Protocol):
    """Paths of the HTTP port. Thread-safe."""

    def answer(self, request: HttpRequest) -> HttpReply | None:
        """Answer a request; None: the path is another's."""
        ...


def http_status(code: grpc.StatusCode) -> int:
    """HTTP's status for gRPC's (TF Serving's model_servers/http_server.cc, ToHTTPStatusCode)."""
    return _HTTP_STATUS.get(code, 500)


@dataclass(frozen=True, kw_only=True)
class Part:
    """An optional part: a dataclass with a field for every flag, and methods that return what the flags add.

    The methods import the code behind the flags: flags are parsed before TensorFlow is imported.

    Attributes:
        title: title of its group in ``--help``.
    """

    title: ClassVar[str]

    @classmethod
    def add_flags(cls, add: AddFlag) -> None:
        """Add a flag for every field."""
        raise NotImplementedError

    def problem(self, options: ServerOptions) -> str | None:
        """The error in the flags in one line, or None."""

    def wrap(self, metrics: Metrics) -> Wrap | None:
        """A function that wraps every loaded version, or None.

        Raises:
            ValueError: a config file is invalid; one line.
        """

    def request_logger(self, metrics: Metrics) -> RequestLogger | None:
        """A logger of answered requests, or None.

        Raises:
            ValueError: a flag's value cannot be used; one line.
        """

    def grpc_service(self, api: Api) -> GrpcService | None:
        """A service on the gRPC port, or None."""

    def http_routes(self, api: Api) -> HttpRoutes | None:
        """Paths of the HTTP port, if there is one, or None."""

    def listener(
        self, api: Api, options: ServerOptions, metrics: Metrics, routes: Sequence[HttpRoutes]
    ) -> Listener | None:
        """A server of another protocol, or None.

        An HTTP server also answers the paths of ``routes``, which the other parts have added.

        Raises:
            OSError: its port cannot be bound.
            ValueError: a config file is invalid; one line.
        """


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise argparse.ArgumentTypeError(f"{text!r} is not true or false")
    return text.lower() in ("true", "1")


# "--flag", "--flag=true" and "--flag true" all switch on, as in TF Serving.
SWITCH: Mapping[str, Any] = {"type": _bool, "nargs": "?", "const": True, "metavar": "BOOL"}
