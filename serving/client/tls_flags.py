"""The TLS flags of every command that calls a server."""

from __future__ import annotations

import argparse

from serving.client.connection import Tls


def add(parser: argparse.ArgumentParser) -> None:
    """Add ``--tls-ca``, ``--tls-cert``, ``--tls-key`` and ``--tls-server-name``."""
    parser.add_argument("--tls-ca", metavar="FILE", help="who signed the server's certificate; switches TLS on")
    parser.add_argument("--tls-cert", metavar="FILE", help="of this client, for a server that asks for one")
    parser.add_argument("--tls-key", metavar="FILE", help="of --tls-cert")
    parser.add_argument("--tls-server-name", metavar="NAME", help="in the certificate, if it is not --target's")


def read(options: argparse.Namespace) -> Tls | None:
    """The flags' files; None without TLS.

    Raises:
        ValueError: another flag is given without ``--tls-ca``.
    """
    if options.tls_ca:
        return Tls(
            ca=options.tls_ca,
            certificate=options.tls_cert,
            key=options.tls_key,
            server_name=options.tls_server_name,
        )
    if options.tls_cert or options.tls_key or options.tls_server_name:
        raise ValueError("--tls-cert, --tls-key and --tls-server-name need --tls-ca")
    return None
