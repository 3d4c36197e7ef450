"""Why no server was reached, in plain words: gRPC often says no more than that the deadline passed."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import grpc

from serving.client.connection import Connection, Tls, host_and_port
from serving.client.errors import Refused, ServingError, Unavailable

_CONNECT_SECONDS = 1.0
# What gRPC's core says if there was no connection, or none that stayed open; servers use other words.
_NO_CONNECTION = (
    "Deadline Exceeded",
    "connections to all backends failing",
    "failed to connect",
    "errors resolving",
    "Socket closed",
    "Connection reset",
)
# OpenSSL's codes for a certificate of another name, and of another address.
_OTHER_NAME = (62, 64)
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNEXPECTED_EOF_WHILE_READING", "HTTP_REQUEST")


def explained(connection: Connection, error: ServingError) -> ServingError:
    """The error with its cause, if it is that none of the servers can be reached; else the error itself.

    Opens a connection of its own to each server, which takes up to a second for one that does not answer.
    """
    if error.code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        return error
    if not any(sign in error.details for sign in _NO_CONNECTION):
        return error
    places = [host_and_port(address) for address in connection.addresses]
    causes = [_cause(*place, connection.tls) if place else None for place in places]
    if not all(causes):
        return error
    kinds = {kind for kind, _ in filter(None, causes)}
    text = "; ".join(text for _, text in filter(None, causes))
    return (Refused if kinds == {Refused} else Unavailable)(grpc.StatusCode.UNAVAILABLE, text)


def _cause(host: str, port: int, tls: Tls | None) -> tuple[type[ServingError], str] | None:
    """The kind of error and its text; None if nothing is wrong with the server's port."""
    place = f"{host}:{port}"
    try:
        with socket.create_connection((host, port), timeout=_CONNECT_SECONDS) as connected:
            problem = _tls_problem(connected, place, host, tls) if tls else _plain_problem(connected, place)
    except socket.gaierror as error:
        return Unavailable, f"{place}: the name is unknown ({error.strerror})"
    except TimeoutError:
        return Unavailable, f"nothing answers at {place} within {_CONNECT_SECONDS:g} s"
    except OSError as error:
        return Unavailable, f"nothing answers at {place} ({error.strerror})"
    return (Refused, problem) if problem else None


def _plain_problem(connected: socket.socket, place: str) -> str | None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        _shake_hands(context, connected, None)
    except ssl.SSLError as error:
        if error.reason in _NO_TLS:
            return None
    except OSError:
        return None
    return f"{place} speaks TLS, and this client does not: give its certificate authority (--tls-ca)"


def _tls_problem(connected: socket.socket, place: str, host: str, tls: Tls) -> str | None:
    name = tls.server_name or host
    try:
        _shake_hands(_context(tls), connected, name)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code not in _OTHER_NAME:
            return f"the certificate of {place} is not trusted ({error.verify_message}): see the authority (--tls-ca)"
        listed = ", ".join(_names(place, tls)) or "no name"
        return f"the certificate of {place} is for {listed}, not for {name}: see the server's name (--tls-server-name)"
    except (ssl.SSLError, OSError) as error:
        if isinstance(error, TimeoutError) or (isinstance(error, ssl.SSLError) and error.reason not in _NO_TLS):
            return None
        return f"{place} does not speak TLS, and this client does: leave out the TLS files (--tls-ca)"
    return None


def _names(place: str, tls: Tls) -> list[str]:
    """The names in a trusted certificate."""
    context = _context(tls)
    context.check_hostname = False
    host, _, port = place.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS) as connected:
            certificate = _shake_hands(context, connected, None)
    except OSError:
        return []
    return [str(value) for _, value in (certificate or {}).get("subjectAltName", ())]


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=None if tls.ca is None else Path(tls.ca))
    if tls.certificate and tls.key:
        context.load_cert_chain(tls.certificate, tls.key)
    return context


def _shake_hands(context: ssl.SSLContext, connected: socket.socket, name: str | None) -> dict | None:
    """The server's certificate as Python shows it."""
    context.set_alpn_protocols(["h2"])
    with context.wrap_socket(connected, server_hostname=name) as secured:
        return secured.getpeercert()
