"""A server put together from its flags: its pieces, and the order in which they start and stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.api import Api, RequestLogger
from serving.config_protos import read_text
from serving.errors import StatusError
from serving.metrics import Metrics
from serving.models.core import ServerCore, check_config
from serving.models.folders import scheme_of
from serving.models.manager import Retries
from serving.options import ServerOptions
from serving.part import Listener, Part
from serving.server.listening import Listening
from serving.server.loader import Loader
from serving.server.transport import GrpcServer
from serving.versions.models_config import PLATFORM

logger = logging.getLogger(__name__)

# For runs that were cancelled at the end of the grace period; one that keeps running does not hold up the exit.
_LAST_RUNS_SECONDS = 1.0


@dataclass
class Running:
    """An assembled server that holds its ports.

    Attributes:
        options: the server's flags.
        core: the models.
        config: the models config that is applied.
        grpc: the gRPC server.
        listeners: servers of other protocols.
        request_loggers: closed after the last request.
    """

    options: ServerOptions
    core: ServerCore
    config: ModelServerConfig
    grpc: GrpcServer
    listeners: Sequence[Listener]
    request_loggers: Sequence[RequestLogger]
    _next_poll: float = field(default=0.0, init=False)
    _logged: str = field(default="", init=False)

    def start(self) -> None:
        """Load the models, then accept requests; a model that fails to load does not affect the others."""
        try:
            self.core.reload(self.config)
        except StatusError as error:
            logger.warning("%s", error)
        self.grpc.start()
        for listener in self.listeners:
            listener.start()
        self.check()

    def listening(self) -> Listening:
        """Where it can be reached."""
        models = tuple(model.name for model in self.config.model_config_list.config)
        missing = tuple(name for name in models if not self.core.serves(name))
        others = {listener.name: listener.address for listener in self.listeners}
        return Listening(models=models, missing=missing, grpc=self.grpc.address, others=others)

    def check(self) -> None:
        """Update the health status, and reload a watched models config file; call it several times a second."""
        self.grpc.set_ready(self.core.is_ready())
        wait, file = self.options.model_config_file_poll_wait_seconds, self.options.model_config_file
        if file and wait and time.monotonic() >= self._next_poll:
            self._next_poll = time.monotonic() + wait
            self._reload_if_changed(file)

    def stop(self) -> bool:
        """Stop accepting requests, answer the accepted ones, write the request log, unload the models.

        Returns:
            Whether every request has ended; one that outlives the grace period is still running.
        """
        grace = self.options.shutdown_grace_seconds
        stopped = self.grpc.stop(grace)
        for listener in self.listeners:
            listener.stop(grace)
        stopped.wait()
        for request_logger in self.request_loggers:
            request_logger.close()
        return self.core.stop(timeout_seconds=_LAST_RUNS_SECONDS)

    def _reload_if_changed(self, file: Path) -> None:
        """Retry a refused config, since a label may wait for its version; log each problem once."""
        problem = ""
        try:
            config = read_text(file, ModelServerConfig)
            if config != self.config:
                self.core.reload(config)
                self.config = config
        except (OSError, ValueError, StatusError) as error:
            problem = f"the models config is not applied: {error}"
        if problem and problem != self._logged:
            logger.warning("%s", problem)
        self._logged = problem


def assemble(options: ServerOptions, parts: Sequence[Part]) -> Running:
    """Read the config files and bind the ports; nothing is loaded yet.

    Args:
        options: the server's flags.
        parts: its optional parts.

    Raises:
        ValueError: a config file is invalid; one line.
        StatusError: the models config is refused.
        OSError: a port cannot be bound.
    """
    metrics = Metrics()
    config = _models(options)
    core = ServerCore(
        load=Loader(
            metrics=metrics,
            tags=options.saved_model_tags,
            intra_op_threads=options.tensorflow_intra_op_parallelism,
            inter_op_threads=options.tensorflow_inter_op_parallelism,
            wraps=[wrap for part in parts if (wrap := part.wrap(metrics))],
            warmup_iterations=max(1, options.num_request_iterations_for_warmup) if options.enable_model_warmup else 0,
        ),
        poll_seconds=options.file_system_poll_wait_seconds,
        allow_labels_for_unavailable_versions=options.allow_version_labels_for_unavailable_models,
        retries=Retries(
            most=options.max_num_load_retries, longest_seconds=options.load_retry_interval_micros / 1_000_000
        ),
    )
    check_config(config)
    loggers = [request_logger for part in parts if (request_logger := part.request_logger(metrics))]
    api = Api(
        core,
        metrics=metrics,
        request_loggers=loggers,
        tensor_content=options.enable_serialization_as_tensor_content,
    )
    routes = [added for part in parts if (added := part.http_routes(api))]
    listeners = [listener for part in parts if (listener := part.listener(api, options, metrics, routes))]
    services = [service for part in parts if (service := part.grpc_service(api))]
    return Running(options, core, config, GrpcServer(api, options, services), listeners, loggers)


def _models(options: ServerOptions) -> ModelServerConfig:
    if options.model_config_file:
        return read_text(options.model_config_file, ModelServerConfig)
    assert options.model_base_path, "the flags are checked: there is one or the other"
    given = options.model_base_path
    base_path = given if scheme_of(given) else str(Path(given).resolve())
    config = ModelServerConfig()
    config.model_config_list.config.add(name=options.model_name, base_path=base_path, model_platform=PLATFORM)
    return config
