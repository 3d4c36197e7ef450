"""The server's flags: tensorflow_model_server's names and meanings, and a few of our own.

Flags that only mean something to the C++ binary (profiler, TPU, TF Lite pools and so on) are not here: a flag that is
taken and does nothing would be worse than an error.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_INT32_MAX = 2**31 - 1
_LONGEST_SECONDS = 1_000_000
_USAGE = "%(prog)s --model_name NAME --model_base_path FOLDER [flags]; --help lists all flags"
_RANGES = (
    ("port", 0, 65535),
    ("rest_api_port", 0, 65535),
    ("file_system_poll_wait_seconds", 0, _LONGEST_SECONDS),
    ("model_config_file_poll_wait_seconds", 0, _LONGEST_SECONDS),
    ("shutdown_grace_seconds", 0, _LONGEST_SECONDS),
    ("max_message_bytes", 1, _INT32_MAX),
    ("request_log_sampling_rate", 0, 1),
)
_REQUEST_LOG_LIMITS = ("request_log_rotate_bytes", "request_log_rotate_seconds", "request_log_max_files")


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise argparse.ArgumentTypeError(f"{text!r} is not true or false")
    return text.lower() in ("true", "1")


# "--flag", "--flag=true" and "--flag true" all switch on, as in TF Serving.
_SWITCH = {"type": _bool, "nargs": "?", "const": True, "metavar": "BOOL"}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line says; every field is the flag of the same name, explained in `parse`."""

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
    rest_api_port: int | None
    rest_api_num_threads: int
    rest_api_timeout_in_ms: int
    rest_api_enable_cors_support: bool
    monitoring_config_file: Path | None
    model_name: str
    model_base_path: Path | None
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
    enable_batching: bool
    batching_parameters_file: Path | None
    enable_per_model_batching_parameters: bool
    enable_serialization_as_tensor_content: bool
    request_log_folder: Path | None
    request_log_sampling_rate: float
    request_log_rotate_bytes: int
    request_log_rotate_seconds: float
    request_log_max_files: int
    verbose: bool


def parse(arguments: Sequence[str] | None, *, description: str) -> Options:
    """Read the command line; a wrong flag ends the process with code 2 and one line that says what is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m serving.server", usage=_USAGE, description=description, allow_abbrev=False
    )
    for add in (_add_transport, _add_rest, _add_models, _add_running, _add_request_log):
        add(parser)
    options = parser.parse_args(arguments)
    problem = _out_of_range(options) or _contradiction(options)
    if problem:
        parser.error(problem)
    if options.max_num_load_retries < 0:
        options.max_num_load_retries = None
    options.host = options.host.strip("[]")
    return Options(**vars(options))


def _add_transport(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("gRPC")
    add = group.add_argument
    add("--host", default="127.0.0.1", help="address to bind; 0.0.0.0: all (default: this machine only)")
    add("--port", type=int, default=8500, help="gRPC port; 0 takes a free one (default: 8500)")
    add("--grpc_socket_path", default="", help="listen on this UNIX socket, too")
    add(
        "--grpc_max_threads",
        type=int,
        default=4 * (os.cpu_count() or 1),
        help="requests worked on at a time (default: 4 per core)",
    )
    add("--grpc_channel_arguments", type=_channel_arguments, default=(), metavar="KEY=VALUE,...")
    add("--max_message_bytes", type=int, default=_INT32_MAX, help="largest request and response (default: 2 GiB)")
    add(
        "--max_concurrent_requests",
        type=int,
        default=0,
        help="under way or waiting, gRPC and REST each; more get RESOURCE_EXHAUSTED or 429 (default: 0, no limit)",
    )
    add("--shutdown_grace_seconds", type=float, default=30.0, help="for accepted requests after SIGTERM (default: 30)")
    add("--enable_grpc_healthcheck_service", default=False, **_SWITCH)
    add("--ssl_config_file", type=Path, help="text-format SSLConfig with PEM keys; without it nothing is encrypted")


def _add_rest(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("REST and metrics")
    add = group.add_argument
    add("--rest_api_port", type=int, help="HTTP port; 0 takes a free one (default: no REST)")
    add("--rest_api_num_threads", type=int, default=4 * (os.cpu_count() or 1), help="as --grpc_max_threads")
    add("--rest_api_timeout_in_ms", type=int, default=30000, help="of one request (default: 30000)")
    add("--rest_api_enable_cors_support", default=False, **_SWITCH)
    add("--monitoring_config_file", type=Path, help="text-format MonitoringConfig; Prometheus is served over REST")


def _add_models(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("models")
    add = group.add_argument
    add("--model_name", default="default")
    add("--model_base_path", type=Path, help="the folder that holds the versions of one model")
    add("--model_config_file", type=Path, help="text-format ModelServerConfig: several models, policies, labels")
    add("--model_config_file_poll_wait_seconds", type=float, default=0.0, help="look for changes (default: 0, never)")
    add(
        "--file_system_poll_wait_seconds",
        type=float,
        default=1.0,
        help="look for versions; 0: only at the start (default: 1)",
    )
    add(
        "--max_num_load_retries",
        type=int,
        default=-1,
        help="of a version whose files stay the same (default: -1, for ever)",
    )
    add(
        "--load_retry_interval_micros",
        type=int,
        default=60_000_000,
        help="the longest time between two (default: a minute)",
    )
    add(
        "--allow_version_labels_for_unavailable_models",
        default=False,
        help="a new label may point to a version that is not loaded",
        **_SWITCH,
    )


def _add_running(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("loading and running")
    add = group.add_argument
    add("--saved_model_tags", type=lambda text: tuple(text.split(",")), default=("serve",))
    add("--tensorflow_intra_op_parallelism", type=int, default=0, help="threads of one op (default: 0, TensorFlow's)")
    add("--tensorflow_inter_op_parallelism", type=int, default=0, help="ops at a time, of runs that can be cancelled")
    add("--enable_model_warmup", default=True, **_SWITCH)
    add("--num_request_iterations_for_warmup", type=int, default=1)
    add("--enable_batching", default=False, **_SWITCH)
    add("--batching_parameters_file", type=Path, help="text-format BatchingParameters")
    add(
        "--enable_per_model_batching_parameters",
        default=False,
        help="read batching_params.pbtxt beside each saved_model.pb",
        **_SWITCH,
    )
    add(
        "--enable_serialization_as_tensor_content",
        default=False,
        help="outputs as raw bytes rather than in typed fields",
        **_SWITCH,
    )
    add("--verbose", action="store_true", help="TensorFlow's own log, too")


def _add_request_log(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("request log")
    add = group.add_argument
    add("--request_log_folder", type=Path, help="gets a sample of requests and responses as TFRecord files")
    add("--request_log_sampling_rate", type=float, default=0.01, help="share of the requests (default: 0.01)")
    add("--request_log_rotate_bytes", type=int, default=64 * 2**20, help="size of a file (default: 64 MiB)")
    add("--request_log_rotate_seconds", type=float, default=3600.0, help="age of a file (default: 3600)")
    add("--request_log_max_files", type=int, default=100, help="of each model; the oldest are removed (default: 100)")


def _out_of_range(options: argparse.Namespace) -> str | None:
    for name, least, most in _RANGES:
        value = getattr(options, name)
        # Not the other way round: nan compares as false.
        if value is not None and not least <= value <= most:
            return f"--{name}: must lie between {least} and {most}"
    for name in ("grpc_max_threads", "rest_api_num_threads", "rest_api_timeout_in_ms", *_REQUEST_LOG_LIMITS):
        if getattr(options, name) < 1:
            return f"--{name}: must be at least 1"
    for name in ("max_concurrent_requests", "load_retry_interval_micros"):
        if getattr(options, name) < 0:
            return f"--{name}: must be 0 or above"
    return None


def _contradiction(options: argparse.Namespace) -> str | None:
    """What is wrong with flags that are fine each for itself."""
    if not (options.model_base_path or options.model_config_file):
        return "--model_base_path or --model_config_file: one of them is needed"
    if options.rest_api_port and options.rest_api_port == options.port:
        return "--rest_api_port: must differ from --port"
    if options.monitoring_config_file and options.rest_api_port is None:
        return "--monitoring_config_file: the metrics are served over REST; give --rest_api_port, too"
    if not options.enable_batching and (
        options.batching_parameters_file or options.enable_per_model_batching_parameters
    ):
        return "--batching_parameters_file, --enable_per_model_batching_parameters: give --enable_batching, too"
    return None


def _channel_arguments(text: str) -> tuple[tuple[str, int | str], ...]:
    """``key=value,...``; a value that is a whole number is given to gRPC as one."""
    pairs = []
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError(f"{part!r} is not KEY=VALUE")
        pairs.append((key, int(value) if value.lstrip("-").isdigit() else value))
    return tuple(pairs)
