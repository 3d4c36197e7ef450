"""The server's own options, which its optional parts may read; `serving.server.flags` makes them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """The command line without the flags of optional parts; every field is the flag of the same name."""

    host: str
    port: int
    grpc_socket_path: str
    grpc_max_threads: int
    grpc_channel_arguments: tuple[tuple[str, int | str], ...]
    max_message_bytes: int
    max_concurrent_requests: int
    shutdown_grace_seconds: float
    enable_grpc_healthcheck_service: bool
    ssl_config_file: Path | None
    model_name: str
    model_base_path: str | None
    model_config_file: Path | None
    model_config_file_poll_wait_seconds: float
    file_system_poll_wait_seconds: float
    max_num_load_retries: int | None
    load_retry_interval_micros: int
    allow_version_labels_for_unavailable_models: bool
    saved_model_tags: tuple[str, ...]
    tensorflow_intra_op_parallelism: int
    tensorflow_inter_op_parallelism: int
    enable_model_warmup: bool
    num_request_iterations_for_warmup: int
    enable_serialization_as_tensor_content: bool
    verbose: bool


def out_of_range(options: object, ranges: Iterable[tuple[str, float, float]]) -> str | None:
    """The first option outside its range, as an error of one line.

    Args:
        options: dataclass with one field for each flag; None counts as not given.
        ranges: names with their least and largest values; ``math.inf`` for no upper limit.
    """
    for name, least, most in ranges:
        value = getattr(options, name)
        # NaN compares as false, so it is out of every range.
        if value is not None and not least <= value <= most:
            return f"--{name}: must be at least {least}" + ("" if math.isinf(most) else f" and at most {most}")
    return None
