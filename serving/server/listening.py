"""Where a server can be reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Listening:
    """The served models and their addresses.

    Attributes:
        models: the names in the config.
        missing: the models without a served version.
        grpc: ``host:port``.
        others: ``host:port`` of other protocols, by their names, such as ``REST``.
    """

    models: tuple[str, ...]
    missing: tuple[str, ...]
    grpc: str
    others: Mapping[str, str]
