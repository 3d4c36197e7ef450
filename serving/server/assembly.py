"""The parts of a server, put together from its flags, in the order in which they start and stop."""

from __future__ import annotations

import logging
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tensorflow_serving.config import model_server_config_pb2

from serving.api import Api
from serving.batching.parameters import BatchingParameters, read_parameters
from serving.config_protos import monitoring_config, read_text
from serving.errors import StatusError
from serving.metrics import Metrics
from serving.models.core import ServerCore, check_config
from serving.models.manager import Retries
from serving.request_log.writer import RequestLog
from serving.rest.server import RestServer
from serving.server.flags import Options
from serving.server.listening import Listening
from serving.server.loader import Loader
from serving.server.transport import GrpcServer
from serving.versions.models_config import PLATFORM

logger = logging.getLogger(__name__)

# For runs that were cancelled at the end of the grace; one that goes on regardless does not keep the process.
_LAST_RUNS_SECONDS = 1.0
_PROMETHEUS_PATH = "/monitoring/prometheus/metrics"
ModelServerConfig = model_server_config_pb2.ModelServerConfig


@dataclass
class Running:
    """A server that is assembled and holds its ports.

    Attributes:
        options: the flags.
        core: the models.
        grpc: the gRPC server.
        rest: the REST server, if asked for.
        request_log: the request log, if asked for.
    """

    options: Options
    core: ServerCore
    config: ModelServerConfig
    grpc: GrpcServer
    rest: RestServer | None
    request_log: RequestLog | None
    _next_look: float = field(default=0.0, init=False)
    _said: str = field(default="", init=False)

    def start(self) -> None:
        """Load the models, then accept requests; a model that does not load keeps no other from being served."""
        try:
            self.core.reload(self.config)
        except StatusError as error:
            logger.warning("%s", error)
        self.grpc.start()
        if self.rest:
            self.rest.start()
        self.look_after()

    def listening(self) -> Listening:
        """Where it can be reached."""
        models = tuple(model.name for model in self.config.model_config_list.config)
        missing = tuple(name for name in models if not self.core.serves(name))
        return Listening(
            models=models, missing=missing, grpc=self.grpc.address, rest=self.rest.address if self.rest else None
        )

    def look_after(self) -> None:
        """What is to be done every now and then: health, and the models config file if it is to be watched."""
        self.grpc.set_ready(self.core.is_ready())
        wait = self.options.model_config_file_poll_wait_seconds
        if self.options.model_config_file and wait and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + wait
            self._reload_if_changed()

    def stop(self) -> bool:
        """Accept no more, answer what was accepted, write the request log, unload.

        Returns:
            Whether every request has ended; one that outlives the grace is still running.
        """
        grace = self.options.shutdown_grace_seconds
        stopped = self.grpc.stop(grace)
        if self.rest:
            self.rest.stop(grace)
        stopped.wait()
        if self.request_log:
            self.request_log.close()
        return self.core.stop(timeout_seconds=_LAST_RUNS_SECONDS)

    def _reload_if_changed(self) -> None:
        """What was refused is tried again, since a label may wait for its version; what is wrong is said once."""
        said = ""
        try:
            config = read_text(self.options.model_config_file, ModelServerConfig)
            if config != self.config:
                self.core.reload(config)
                self.config = config
        except (OSError, ValueError, StatusError) as error:
            said = f"the models config is not applied: {error}"
        if said and said != self._said:
            logger.warning("%s", said)
        self._said = said


def assemble(options: Options) -> Running:
    """Read the config files and bind the ports; nothing is loaded yet.

    Raises:
        ValueError: a config file is wrong; one line.
        StatusError: the models config is refused.
        OSError: a port cannot be bound.
    """
    metrics = Metrics()
    config = _models(options)
    core = ServerCore(
        load=_loader(options, metrics),
        poll_seconds=options.file_system_poll_wait_seconds,
        allow_labels_for_unavailable_versions=options.allow_version_labels_for_unavailable_models,
        retries=Retries(
            most=options.max_num_load_retries, longest_seconds=options.load_retry_interval_micros / 1_000_000
        ),
    )
    check_config(config)
    log = _request_log(options, metrics)
    api = Api(core, metrics=metrics, request_log=log, tensor_content=options.enable_serialization_as_tensor_content)
    rest = _rest(options, api, metrics)
    return Running(options, core, config, GrpcServer(api, options), rest, log)


def _models(options: Options) -> ModelServerConfig:
    if options.model_config_file:
        return read_text(options.model_config_file, ModelServerConfig)
    config = ModelServerConfig()
    config.model_config_list.config.add(
        name=options.model_name, base_path=str(Path(options.model_base_path).resolve()), model_platform=PLATFORM
    )
    return config


def _loader(options: Options, metrics: Metrics) -> Loader:
    batching = None
    if options.enable_batching:
        file = options.batching_parameters_file
        batching = read_parameters(file) if file else BatchingParameters()
    return Loader(
        metrics=metrics,
        tags=options.saved_model_tags,
        intra_op_threads=options.tensorflow_intra_op_parallelism,
        inter_op_threads=options.tensorflow_inter_op_parallelism,
        batching=batching,
        per_model_batching=options.enable_per_model_batching_parameters,
        warmup_iterations=max(1, options.num_request_iterations_for_warmup) if options.enable_model_warmup else 0,
    )


def _request_log(options: Options, metrics: Metrics) -> RequestLog | None:
    if options.request_log_folder is None:
        return None
    try:
        options.request_log_folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=options.request_log_folder):
            pass
    except OSError as error:
        raise ValueError(f"--request_log_folder: {error.strerror}: {options.request_log_folder}") from None
    return RequestLog(
        folder=options.request_log_folder,
        sampling_rate=options.request_log_sampling_rate,
        rotate_bytes=options.request_log_rotate_bytes,
        rotate_seconds=options.request_log_rotate_seconds,
        max_files=options.request_log_max_files,
        metrics=metrics,
    )


def _rest(options: Options, api: Api, metrics: Metrics) -> RestServer | None:
    if options.rest_api_port is None:
        return None
    return RestServer(
        api,
        metrics=metrics,
        host=options.host,
        port=options.rest_api_port,
        num_threads=options.rest_api_num_threads,
        timeout_seconds=options.rest_api_timeout_in_ms / 1000,
        prometheus_path=_prometheus_path(options),
        cors=options.rest_api_enable_cors_support,
        max_body_bytes=options.max_message_bytes,
        max_concurrent_requests=options.max_concurrent_requests,
    )


def _prometheus_path(options: Options) -> str | None:
    if options.monitoring_config_file is None:
        return None
    prometheus = read_text(options.monitoring_config_file, monitoring_config()).prometheus_config
    return (prometheus.path or _PROMETHEUS_PATH) if prometheus.enable else None
