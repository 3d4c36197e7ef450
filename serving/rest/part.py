"""The REST API and the Prometheus page as a part of the server."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from serving.config_protos import monitoring_config, read_text
from serving.metrics import Metrics
from serving.options import ServerOptions, out_of_range
from serving.part import SWITCH, AddFlag, HttpRoutes, Part

if TYPE_CHECKING:
    from serving.api import Api
    from serving.rest.server import RestServer

_PROMETHEUS_PATH = "/monitoring/prometheus/metrics"
_RANGES = (("rest_api_port", -1, 65535), ("rest_api_num_threads", 1, math.inf), ("rest_api_timeout_in_ms", 1, math.inf))


@dataclass(frozen=True, kw_only=True)
class RestPart(Part):
    """Serves REST unless ``rest_api_port`` is 0; every field is the flag of the same name."""

    title: ClassVar[str] = "REST and metrics"
    rest_api_port: int
    rest_api_num_threads: int
    rest_api_timeout_in_ms: int
    rest_api_enable_cors_support: bool
    monitoring_config_file: Path | None

    @classmethod
    def add_flags(cls, add: AddFlag) -> None:
        """See `Part.add_flags`."""
        add("--rest_api_port", type=int, default=0, help="HTTP port; -1 takes a free one (default: 0, no REST)")
        add("--rest_api_num_threads", type=int, default=4 * (os.cpu_count() or 1), help="as --grpc_max_threads")
        add("--rest_api_timeout_in_ms", type=int, default=30000, help="of one request (default: 30000)")
        add("--rest_api_enable_cors_support", default=False, **SWITCH)
        add("--monitoring_config_file", type=Path, help="text-format MonitoringConfig; Prometheus is served over REST")

    def problem(self, options: ServerOptions) -> str | None:
        """See `Part.problem`."""
        if self.rest_api_port > 0 and self.rest_api_port == options.port:
            return "--rest_api_port: must differ from --port"
        if self.monitoring_config_file and not self.rest_api_port:
            return "--monitoring_config_file: the metrics are served over REST; give --rest_api_port, too"
        return out_of_range(self, _RANGES)

    def listener(
        self, api: Api, options: ServerOptions, metrics: Metrics, routes: Sequence[HttpRoutes]
    ) -> RestServer | None:
        """See `Part.listener`."""
        if not self.rest_api_port:
            return None
        from serving.rest.server import RestServer

        return RestServer(
            api,
            metrics=metrics,
            host=options.host,
            port=max(0, self.rest_api_port),
            num_threads=self.rest_api_num_threads,
            timeout_seconds=self.rest_api_timeout_in_ms / 1000,
            prometheus_path=self._prometheus_path(),
            cors=self.rest_api_enable_cors_support,
            max_body_bytes=options.max_message_bytes,
            max_concurrent_requests=options.max_concurrent_requests,
            others=routes,
        )

    def _prometheus_path(self) -> str | None:
        if self.monitoring_config_file is None:
            return None
        prometheus = read_text(self.monitoring_config_file, monitoring_config()).prometheus_config
        return (prometheus.path or _PROMETHEUS_PATH) if prometheus.enable else None
