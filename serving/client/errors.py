"""The errors of a call, sorted by what the caller can do about them; each has the server's code and text."""

from __future__ import annotations

import grpc

# Words of gRPC's core when a connection fails because of a certificate, not the network.
_TLS_SIGNS = ("handshake", "verification", "certificate")
# Its words when an open connection breaks.
_BROKEN_SIGNS = ("Stream removed", "Socket closed", "Connection reset")


class ServingError(Exception):
    """The server refused or could not be reached.

    Attributes:
        code: the gRPC status code.
        details: the server's text; gRPC's if no server was reached.
    """

    def __init__(self, code: grpc.StatusCode, details: str):
        super().__init__(f"{code.name}: {details}")
        self.code = code
        self.details = details


class InvalidRequest(ServingError):
    """The request does not fit the model: change it."""


class NotFound(ServingError):
    """No such model or version is served: check the name, or wait until it is loaded."""


class Unavailable(ServingError):
    """In all attempts no server was reached, or it stopped or was too busy: try again later."""

    @property
    def interrupted(self) -> bool:
        """Whether the connection broke during the call; otherwise there was none."""
        return any(sign in self.details for sign in _BROKEN_SIGNS)


class Overloaded(ServingError):
    """The server had no room for the request, or a message was too large: send less at a time."""


class DeadlineExceeded(ServingError):
    """No answer within the timeout: allow more time, or send fewer rows at a time."""


class Refused(ServingError):
    """The server's certificate was not trusted, or the client's was not: check the TLS files."""


_Code = grpc.StatusCode
_KINDS: dict[grpc.StatusCode, type[ServingError]] = {
    _Code.INVALID_ARGUMENT: InvalidRequest,
    _Code.FAILED_PRECONDITION: InvalidRequest,
    _Code.OUT_OF_RANGE: InvalidRequest,
    _Code.NOT_FOUND: NotFound,
    _Code.UNAVAILABLE: Unavailable,
    _Code.CANCELLED: Unavailable,
    _Code.RESOURCE_EXHAUSTED: Overloaded,
    _Code.DEADLINE_EXCEEDED: DeadlineExceeded,
    _Code.UNAUTHENTICATED: Refused,
    _Code.PERMISSION_DENIED: Refused,
}


def error_of(code: grpc.StatusCode, details: str | None) -> ServingError:
    """The error for a status; a failed TLS handshake, UNAVAILABLE to gRPC, is `Refused`."""
    details = details or ""
    kind = _KINDS.get(code, ServingError)
    if kind is Unavailable and any(sign in details.lower() for sign in _TLS_SIGNS):
        kind = Refused
    return kind(code, details)
