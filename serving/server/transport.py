"""The gRPC server itself: limits, TLS, sockets, health."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from serving.api import Api
from serving.config_protos import read_text, ssl_config
from serving.options import ServerOptions
from serving.part import GrpcService
from serving.server.polling import PollingThreads
from serving.server.reflection import Reflection
from serving.server.registration import (
    MODEL_SERVICE,
    PREDICTION_SERVICE,
    SERVICES,
    definition,
    register,
    register_other,
)
from serving.server.servicers import ModelService, PredictionService

# "" is the server as a whole (grpc/health/v1/health.proto); the others are the names that TF Serving registers.
HEALTH_NAMES = ("", "ModelService", "PredictionService")
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class GrpcServer:
    """PredictionService, ModelService, reflection and, with its flag, health, on a port and a UNIX socket.

    Args:
        api: answers the requests.
        options: the server's flags.
        others: services of the server's parts.

    Raises:
        OSError: the port or the socket cannot be bound.
        ValueError: the TLS file is invalid; one line.
    """

    def __init__(self, api: Api, options: ServerOptions, others: Sequence[GrpcService] = ()):
        # gRPC limits messages to 4 MB by default, and shares a port in use where it should fail.
        settings = {
            "grpc.max_receive_message_length": options.max_message_bytes,
            "grpc.max_send_message_length": options.max_message_bytes,
            "grpc.so_reuseport": 0,
            **dict(options.grpc_channel_arguments),
        }
        self._threads = PollingThreads(options.grpc_max_threads)
        self._server = grpc.server(
            self._threads,
            options=list(settings.items()),
            maximum_concurrent_rpcs=options.max_concurrent_requests or None,
        )
        register(self._server, "PredictionService", PREDICTION_SERVICE, PredictionService(api))
        register(self._server, "ModelService", MODEL_SERVICE, ModelService(api))
        self._health = health.HealthServicer() if options.enable_grpc_healthcheck_service else None
        if self._health:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        services = ["tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"]
        services += ["grpc.health.v1.Health"] if self._health else []
        for service in others:
            register_other(self._server, service)
        pools = [definition(SERVICES), *(service.pool for service in others)]
        self._reflection = Reflection([*services, *(service.name for service in others)], pools=pools)
        self._reflection.register(self._server)
        self._ready: bool | None = None
        self.set_ready(False)
        credentials = _credentials(options.ssl_config_file) if options.ssl_config_file else None
        host = host_of(options.host)
        self.address = f"{host}:{self._bind(f'{host}:{options.port}', credentials)}"
        if options.grpc_socket_path:
            self._bind(f"unix:{options.grpc_socket_path}", credentials)

    def start(self) -> None:
        """Accept requests."""
        self._server.start()
        self._threads.poll(self._server)

    def set_ready(self, ready: bool) -> None:
        """Tell those who watch the health service, if it changes."""
        if self._health and ready != self._ready:
            self._ready = ready
            for name in HEALTH_NAMES:
                self._health.set(name, _SERVING if ready else _NOT_SERVING)

    def stop(self, grace_seconds: float) -> threading.Event:
        """Stop accepting requests, finish the accepted ones, and cancel those left after ``grace_seconds``.

        Returns:
            An event, at once; it is set when the last request has ended.
        """
        if self._health:
            self._health.enter_graceful_shutdown()
        self._reflection.close()
        return self._server.stop(grace=grace_seconds)

    def _bind(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        try:
            if credentials:
                return self._server.add_secure_port(address, credentials)
            return self._server.add_insecure_port(address)
        except RuntimeError:
            cause = "does the key match the certificate? " if credentials else ""
            raise OSError(f"{address} cannot be bound; {cause}is another server running?") from None


def host_of(host: str) -> str:
    """The host as written before a port: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def _credentials(ssl_config_file: Path) -> grpc.ServerCredentials:
    config = read_text(ssl_config_file, ssl_config())
    for field in ("server_key", "server_cert"):
        if "-----BEGIN" not in getattr(config, field):
            raise ValueError(f"{ssl_config_file}, {field}: must hold a PEM key or certificate, not a file name")
    if config.client_verify and not config.custom_ca:
        raise ValueError(f"{ssl_config_file}, client_verify: needs custom_ca, the certificate authority of the clients")
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )
