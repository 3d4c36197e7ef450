"""The interface of an optional part of the server: its flags, and what they add.

A part has its own folder and is registered in `serving.server.flags`; nothing else in serving imports it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from serving.metrics import Metrics
from serving.options import ServerOptions

if TYPE_CHECKING:
    from serving.api import Api, RequestLogger
    from serving.inference.servable import Servable

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

    def listener(self, api: Api, options: ServerOptions, metrics: Metrics) -> Listener | None:
        """A server of another protocol, or None.

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
