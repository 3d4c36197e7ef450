"""What an optional part of the server is: flags, and what they add to the server.

A part lives in a folder of its own and is registered in `serving.server.flags`. Nothing else imports it.
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
# Gets a loaded version, the model's name and the version's folder; what it returns is served.
Wrap = Callable[["Servable", str, Path], "Servable"]


class Listener(Protocol):
    """Another way than gRPC to reach the server. Its port is bound when it is made.

    Attributes:
        name: of the protocol, such as ``REST``.
        address: ``host:port``.
    """

    name: str
    address: str

    def start(self) -> None:
        """Accept requests."""
        ...

    def stop(self, grace_seconds: float) -> None:
        """Accept no more requests and finish the accepted ones; cancel what is left after ``grace_seconds``."""
        ...


@dataclass(frozen=True, kw_only=True)
class Part:
    """An optional part: a dataclass whose fields are its flags, and whose methods add what they ask for.

    The methods import the code behind the flags themselves: flags are parsed before TensorFlow is imported.

    Attributes:
        title: of its group in ``--help``.
    """

    title: ClassVar[str]

    @classmethod
    def add_flags(cls, add: AddFlag) -> None:
        """Add a flag for every field."""
        raise NotImplementedError

    def problem(self, options: ServerOptions) -> str | None:
        """What is wrong with the flags, in one line."""

    def wrap(self, metrics: Metrics) -> Wrap | None:
        """What to put before every loaded version.

        Raises:
            ValueError: a config file is invalid; one line.
        """

    def request_logger(self, metrics: Metrics) -> RequestLogger | None:
        """What gets a sample of the answered requests.

        Raises:
            ValueError: a flag cannot be followed; one line.
        """

    def listener(self, api: Api, options: ServerOptions, metrics: Metrics) -> Listener | None:
        """Another way to reach the server.

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
