"""Requests over HTTP as they are, and the flags of a server for one model."""

from __future__ import annotations

import http.client

SECONDS = 30


def one_model(folder, name: str) -> tuple:
    return ("--model_name", name, "--model_base_path", folder / name)


def send(target: str, method: str, path: str, body: bytes | str | None = None, **headers: str):
    """Status, headers and body of one request on a connection of its own."""
    connection = http.client.HTTPConnection(target, timeout=SECONDS)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()
