"""Where a server can be reached."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Listening:
    """What is served where.

    Attributes:
        models: the names in the config.
        missing: those of them that have no version that is served.
        grpc: ``host:port``.
        rest: ``host:port``; None where the server does not speak it.
    """

    models: tuple[str, ...]
    missing: tuple[str, ...]
    grpc: str
    rest: str | None
