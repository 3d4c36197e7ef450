"""The port of the HTTP server."""

from __future__ import annotations

import socket


def bound(host: str, port: int) -> socket.socket:
    """A socket on a port, or on a free one if it is 0; it does not listen yet.

    Raises:
        OSError: the port cannot be bound; one line.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
        try:
            # Connections of an earlier server in TIME_WAIT must not hold the port.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
        except OSError:
            made.close()
            raise
    except OSError as error:
        raise OSError(
            f"--rest_api_port: {host}:{port} cannot be bound ({error.strerror}); is another server running?"
        ) from None
    return made
