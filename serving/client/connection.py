"""Where the servers are and how to reach them, as settings of gRPC.

gRPC itself balances the calls, retries and reconnects, for both the sync and the asyncio client.
The service config's fields are those of gRPC's ``service_config.proto``.
"""

from __future__ import annotations

import json
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc

from serving.client.messages.requests import RELOAD_CONFIG

_MOST_ATTEMPTS = 5
# A server that stops ends the requests of that moment with CANCELLED.
_RETRIED = ("UNAVAILABLE", "CANCELLED")
_MOST_BYTES = 2**31 - 1
_LONGEST_KEEPALIVE_ANSWER_SECONDS = 10
# By default gRPC waits up to 2 minutes between two connects, and a server that is back would long seem dead.
_LONGEST_RECONNECT_SECONDS = 2
_SCHEME = re.compile(r"^(dns|unix|unix-abstract|ipv4|ipv6|xds):")


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How calls that end in UNAVAILABLE or CANCELLED are retried.

    They do so when no server was reached, the connection broke, or the server stopped or said so. gRPC varies each
    wait by a fifth, so that many clients don't come back at the same moment. All waits are within the timeout.
    HandleReloadConfigRequest is never retried.

    Attributes:
        attempts: int, 1 to 5 (gRPC's limit), the first one included; 1: no retry.
        initial_seconds: float, wait before the second attempt.
        max_seconds: float, longest wait.
        multiplier: float, growth of each wait.
    """

    attempts: int = 5
    initial_seconds: float = 0.2
    max_seconds: float = 2.0
    multiplier: float = 2.0

    def __post_init__(self) -> None:
        if not 1 <= self.attempts <= _MOST_ATTEMPTS:
            raise ValueError(f"attempts: {self.attempts} is not between 1 and {_MOST_ATTEMPTS} (gRPC's limit)")
        if min(self.initial_seconds, self.max_seconds, self.multiplier) <= 0:
            raise ValueError("initial_seconds, max_seconds and multiplier must be above 0")


@dataclass(frozen=True, kw_only=True)
class Tls:
    """The files (PEM) of an encrypted connection.

    Attributes:
        ca: certificate authority of the server; None: those that gRPC trusts by default.
        certificate: certificate of this client, for a server that asks for one; needs `key`.
        key: private key of `certificate`.
        server_name: str, the name in the server's certificate, if the address has another.
    """

    ca: Path | str | None = None
    certificate: Path | str | None = None
    key: Path | str | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("give both the client's certificate and its key, or neither")

    def credentials(self) -> grpc.ChannelCredentials:
        """Read the files.

        Raises:
            OSError: one cannot be read.
        """
        ca, key, certificate = (
            None if path is None else Path(path).read_bytes() for path in (self.ca, self.key, self.certificate)
        )
        return grpc.ssl_channel_credentials(root_certificates=ca, private_key=key, certificate_chain=certificate)


@dataclass(frozen=True, kw_only=True)
class Connection:
    """One or several servers of the same models; each call goes to the next one that is up.

    Attributes:
        addresses: one ``host:port`` or several; one gRPC target such as ``dns:///host:port`` or ``unix:/path``. All
            addresses of a single name are used, and looked up again when connections fail (a headless service of
            Kubernetes). Names among several are looked up once, at the start.
        tls: files for encryption; None: no encryption.
        retry: how calls without a server, or to one that stopped, are retried.
        keepalive_seconds: float, interval of pings to the server while a call runs. By default servers allow no less
            than 5 minutes, and drop clients that ping more often.
        idle_seconds: float; a connection that is idle for so long is closed, and the next call opens a new one,
            before a router on the way forgets it.
        max_message_bytes: int, largest request and response.
    """

    addresses: tuple[str, ...]
    tls: Tls | None = None
    retry: Retry = Retry()
    keepalive_seconds: float = 300.0
    idle_seconds: float = 200.0
    max_message_bytes: int = _MOST_BYTES

    def __post_init__(self) -> None:
        if not self.addresses:
            raise ValueError("no address is given")
        for address in self.addresses:
            if not _SCHEME.match(address):
                _split(address)
            elif len(self.addresses) > 1:
                raise ValueError(f"{address!r}: a gRPC target must be the only address")
        if self.tls and not self.tls.server_name and len(self.addresses) > 1:
            raise ValueError("several addresses with TLS need server_name, the name in the servers' certificate")
        if not 0 < self.max_message_bytes <= _MOST_BYTES:
            raise ValueError(f"max_message_bytes: {self.max_message_bytes} is not between 1 and {_MOST_BYTES}")

    @classmethod
    def of(cls, target: str | Connection) -> Connection:
        """The connection to comma-separated addresses; a Connection is returned as it is."""
        if isinstance(target, Connection):
            return target
        return cls(addresses=tuple(address.strip() for address in target.split(",") if address.strip()))

    def target(self) -> str:
        """The gRPC target.

        gRPC takes one name or a list of numeric addresses, not a list of names.

        Raises:
            OSError: one of several names is unknown.
        """
        if len(self.addresses) == 1:
            (address,) = self.addresses
            return address if _SCHEME.match(address) else f"dns:///{address}"
        found = list(dict.fromkeys(address for each in self.addresses for address in _look_up(each)))
        if any(family == socket.AF_INET6 for family, _, _ in found):
            return "ipv6:" + ",".join(
                f"[{host if family == socket.AF_INET6 else f'::ffff:{host}'}]:{port}" for family, host, port in found
            )
        return "ipv4:" + ",".join(f"{host}:{port}" for _, host, port in found)

    def channel(self, api: ModuleType = grpc) -> Any:
        """A channel to the servers.

        Args:
            api: ``grpc``, or ``grpc.aio`` for a channel of asyncio.

        Raises:
            OSError: one of several names is unknown, or a TLS file cannot be read.
        """
        if self.tls:
            return api.secure_channel(self.target(), self.tls.credentials(), options=self.options())
        return api.insecure_channel(self.target(), options=self.options())

    def options(self) -> list[tuple[str, object]]:
        """The channel options."""
        answer_seconds = min(self.keepalive_seconds, _LONGEST_KEEPALIVE_ANSWER_SECONDS)
        options: list[tuple[str, object]] = [
            ("grpc.service_config", json.dumps(self._service_config())),
            # A request above this size, 256 KiB by default, is silently never retried.
            ("grpc.per_rpc_retry_buffer_size", self.max_message_bytes),
            ("grpc.max_send_message_length", self.max_message_bytes),
            ("grpc.max_receive_message_length", self.max_message_bytes),
            ("grpc.initial_reconnect_backoff_ms", _milliseconds(self.retry.initial_seconds)),
            ("grpc.max_reconnect_backoff_ms", _milliseconds(_LONGEST_RECONNECT_SECONDS)),
            ("grpc.keepalive_time_ms", _milliseconds(self.keepalive_seconds)),
            # The first limit is for the network's acknowledgement, the second for the server's answer.
            ("grpc.keepalive_timeout_ms", _milliseconds(answer_seconds)),
            ("grpc.http2.ping_timeout_ms", _milliseconds(answer_seconds)),
            ("grpc.client_idle_timeout_ms", _milliseconds(self.idle_seconds)),
        ]
        if self.tls and self.tls.server_name:
            options.append(("grpc.ssl_target_name_override", self.tls.server_name))
        return options

    def _service_config(self) -> dict[str, object]:
        config: dict[str, object] = {"loadBalancingConfig": [{"round_robin": {}}]}
        if self.retry.attempts > 1:
            policy = {
                "maxAttempts": self.retry.attempts,
                "initialBackoff": f"{self.retry.initial_seconds}s",
                "maxBackoff": f"{self.retry.max_seconds}s",
                "backoffMultiplier": self.retry.multiplier,
                "retryableStatusCodes": list(_RETRIED),
            }
            _, service, method = RELOAD_CONFIG.split("/")
            # An entry that names a method overrides the other: no retries. A repeated reload may undo a later change.
            once = {"name": [{"service": service, "method": method}]}
            config["methodConfig"] = [{"name": [{}], "retryPolicy": policy}, once]
        return config


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def host_and_port(address: str) -> tuple[str, int] | None:
    """The host and the port of an address; None for a gRPC target of another kind than ``dns``."""
    plain = address.removeprefix("dns:").removeprefix("///")
    try:
        return None if _SCHEME.match(plain) else _split(plain)
    except ValueError:
        return None


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) <= 65535:
        raise ValueError(f"{address!r} is not host:port")
    return host.strip("[]"), int(port)


def _look_up(address: str) -> list[tuple[socket.AddressFamily, str, int]]:
    """Every address of a name; only IPv4 if it has both kinds, which mostly lead to the same server."""
    host, port = _split(address)
    try:
        found = [(family, str(place[0]), port) for family, _, _, _, place in socket.getaddrinfo(host, port, proto=6)]
    except socket.gaierror as error:
        raise OSError(f"{address}: the name is unknown ({error.strerror})") from None
    return [entry for entry in found if entry[0] == socket.AF_INET] or found
