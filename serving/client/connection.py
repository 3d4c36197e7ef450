"""Where the servers are and how to reach them, as gRPC's own settings.

gRPC spreads the calls, tries again and reconnects by itself, for the sync and the asyncio client alike; nothing of
that is done here. The service config's fields are those of gRPC's ``service_config.proto``.
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
# A server that is told to stop ends requests of that very moment with CANCELLED.
_AGAIN = ("UNAVAILABLE", "CANCELLED")
_MOST_BYTES = 2**31 - 1
_LONGEST_KEEPALIVE_ANSWER_SECONDS = 10
# gRPC's own waiting time between two connects grows to 2 minutes: a server that is back would long be called dead.
_LONGEST_RECONNECT_SECONDS = 2
_SCHEME = re.compile(r"^(dns|unix|unix-abstract|ipv4|ipv6|xds):")


@dataclass(frozen=True, kw_only=True)
class Retry:
    """CallOptions often and when a call that ends in UNAVAILABLE or CANCELLED is sent again.

    That is so when no server was reached, the connection broke, or the server stopped or said so. gRPC varies
    each wait by a fifth, so that many clients don't come back at the same moment. All waits lie within the timeout.
    HandleReloadConfigRequest is never sent again.

    Attributes:
        attempts: the first one included, 1 to 5 (gRPC allows no more); 1: never again.
        initial_seconds: wait before the second attempt.
        max_seconds: longest wait.
        multiplier: of each wait over the one before.
    """

    attempts: int = 5
    initial_seconds: float = 0.2
    max_seconds: float = 2.0
    multiplier: float = 2.0

    def __post_init__(self) -> None:
        if not 1 <= self.attempts <= _MOST_ATTEMPTS:
            raise ValueError(f"attempts: {self.attempts} is not between 1 and {_MOST_ATTEMPTS}, gRPC's limit")
        if min(self.initial_seconds, self.max_seconds, self.multiplier) <= 0:
            raise ValueError("initial_seconds, max_seconds and multiplier must be above 0")


@dataclass(frozen=True, kw_only=True)
class Tls:
    """The files (PEM) of an encrypted connection.

    Attributes:
        ca: who signed the server's certificate; None: those that gRPC trusts by itself.
        certificate: of this client, for a server that asks for one; needs `key`.
        key: of `certificate`.
        server_name: the name in the server's certificate, where it is not the one in the address.
    """

    ca: Path | str | None = None
    certificate: Path | str | None = None
    key: Path | str | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a client's certificate and its key are given both or not at all")

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
    """One or several servers of the same models, each call going to the next one that is up.

    Attributes:
        addresses: one ``host:port`` or several; one gRPC target such as ``dns:///host:port`` or ``unix:/path``. All
            addresses of a single name are used, and looked up again when connections fail (a headless service of
            Kubernetes). Names among several are looked up once, at the start.
        tls: None means no encryption.
        retry: of calls that met no server, or one that stopped.
        keepalive_seconds: while a call runs, the server is asked at this interval whether it is there. Servers allow
            no less than 5 minutes unless they are told to, and drop who asks more often.
        idle_seconds: a connection that was not used for so long is closed and opened anew by the next call, before a
            router on the way forgets it.
        max_message_bytes: of a request and of a response.
    """

    addresses: tuple[str, ...]
    tls: Tls | None = None
    retry: Retry = Retry()
    keepalive_seconds: float = 300.0
    idle_seconds: float = 200.0
    max_message_bytes: int = _MOST_BYTES

    def __post_init__(self) -> None:
        if not self.addresses:
            raise ValueError("no address was given")
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
        """The connection for addresses with commas between them; a Connection as it is."""
        if isinstance(target, Connection):
            return target
        return cls(addresses=tuple(address.strip() for address in target.split(",") if address.strip()))

    def target(self) -> str:
        """The gRPC target.

        gRPC takes a list of numeric addresses or one name, not a list of names.

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
            # A request beyond this size, 256 KiB by default, would silently be sent once only.
            ("grpc.per_rpc_retry_buffer_size", self.max_message_bytes),
            ("grpc.max_send_message_length", self.max_message_bytes),
            ("grpc.max_receive_message_length", self.max_message_bytes),
            ("grpc.initial_reconnect_backoff_ms", _milliseconds(self.retry.initial_seconds)),
            ("grpc.max_reconnect_backoff_ms", _milliseconds(_LONGEST_RECONNECT_SECONDS)),
            ("grpc.keepalive_time_ms", _milliseconds(self.keepalive_seconds)),
            # The first bounds what the network does not acknowledge, the second what the server does not answer.
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
                "retryableStatusCodes": list(_AGAIN),
            }
            _, service, method = RELOAD_CONFIG.split("/")
            # The entry that names a method rules for it: no retries. A reload may undo what was changed since.
            once = {"name": [{"service": service, "method": method}]}
            config["methodConfig"] = [{"name": [{}], "retryPolicy": policy}, once]
        return config


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) <= 65535:
        raise ValueError(f"{address!r} is not host:port")
    return host.strip("[]"), int(port)


def _look_up(address: str) -> list[tuple[socket.AddressFamily, str, int]]:
    """Every address of a name; IPv4 alone where it has both kinds, which are mostly two ways to the same server."""
    host, port = _split(address)
    try:
        found = [(family, str(place[0]), port) for family, _, _, _, place in socket.getaddrinfo(host, port, proto=6)]
    except socket.gaierror as error:
        raise OSError(f"{address}: the name is unknown ({error.strerror})") from None
    return [entry for entry in found if entry[0] == socket.AF_INET] or found
