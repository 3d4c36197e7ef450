"""The server's flags: tensorflow_model_server's names and meanings, and a few of our own.

Flags that mean something only to the C++ binary (profiler, TPU, TF Lite pools and so on) are not here: a flag that is
accepted and does nothing would be worse than an error.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from serving.batching.part import BatchingPart  # part: batching
from serving.kserve.part import KServePart  # part: kserve
from serving.options import ServerOptions, out_of_range
from serving.part import SWITCH, AddFlag, Part
from serving.request_log.part import RequestLogPart  # part: request_log
from serving.rest.part import RestPart  # part: rest

_INT32_MAX = 2**31 - 1
_LONGEST_SECONDS = 1_000_000
_USAGE = "%(prog)s --model_name NAME --model_base_path FOLDER [flags]; --help lists all flags"
_RANGES = (
    ("port", 0, 65535),
    ("file_system_poll_wait_seconds", 0, _LONGEST_SECONDS),
    ("model_config_file_poll_wait_seconds", 0, _LONGEST_SECONDS),
    ("shutdown_grace_seconds", 0, _LONGEST_SECONDS),
    ("max_message_bytes", 1, _INT32_MAX),
    ("grpc_max_threads", 1, math.inf),
    ("max_concurrent_requests", 0, math.inf),
    ("load_retry_interval_micros", 0, math.inf),
)
_T = TypeVar("_T", ServerOptions, Part)


@dataclass(frozen=True)
class _Section:
    """Flags of the server itself, in a group of ``--help``."""

    title: str
    add_flags: Callable[[AddFlag], None]


def parse(arguments: Sequence[str] | None, *, description: str) -> tuple[ServerOptions, tuple[Part, ...]]:
    """Read the command line; an invalid flag ends the process with code 2 and a line that says why."""
    parser = argparse.ArgumentParser(
        prog="python -m serving.server", usage=_USAGE, description=description, allow_abbrev=False
    )
    groups: dict[str, AddFlag] = {}
    for section in _SECTIONS:
        if section.title not in groups:
            groups[section.title] = parser.add_argument_group(section.title).add_argument
        section.add_flags(groups[section.title])
    flags = parser.parse_args(arguments)
    if flags.max_num_load_retries < 0:
        flags.max_num_load_retries = None
    flags.host = flags.host.strip("[]")
    options = _fill(ServerOptions, flags)
    parts = tuple(_fill(section, flags) for section in _SECTIONS if isinstance(section, type))
    problems = [_problem(options), *(part.problem(options) for part in parts)]
    for problem in filter(None, problems):
        parser.error(problem)
    return options, parts


def _fill(kind: type[_T], flags: argparse.Namespace) -> _T:
    """A dataclass from the flags of its fields' names."""
    return kind(**{field.name: getattr(flags, field.name) for field in fields(kind)})


def _add_transport(add: AddFlag) -> None:
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
    add("--enable_grpc_healthcheck_service", default=False, **SWITCH)
    add("--ssl_config_file", type=Path, help="text-format SSLConfig with PEM keys; without it nothing is encrypted")


def _add_models(add: AddFlag) -> None:
    add("--model_name", default="default")
    add("--model_base_path", help="the folder that holds the versions of one model, or a URI such as gs://bucket/model")
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
        **SWITCH,
    )


def _add_loading(add: AddFlag) -> None:
    add("--saved_model_tags", type=lambda text: tuple(text.split(",")), default=("serve",))
    add("--tensorflow_intra_op_parallelism", type=int, default=0, help="threads of one op (default: 0, TensorFlow's)")
    add("--tensorflow_inter_op_parallelism", type=int, default=0, help="ops at a time, of runs that can be cancelled")
    add("--enable_model_warmup", default=True, **SWITCH)
    add("--num_request_iterations_for_warmup", type=int, default=1)


def _add_answering(add: AddFlag) -> None:
    add(
        "--enable_serialization_as_tensor_content",
        default=False,
        help="outputs as raw bytes rather than in typed fields",
        **SWITCH,
    )
    add("--verbose", action="store_true", help="TensorFlow's own log, too")


def _problem(options: ServerOptions) -> str | None:
    if not (options.model_base_path or options.model_config_file):
        return "--model_base_path or --model_config_file: one of them is needed"
    return out_of_range(options, _RANGES)


def _channel_arguments(text: str) -> tuple[tuple[str, int | str], ...]:
    """``key=value,...``; whole numbers are passed to gRPC as int."""
    pairs = []
    for part in filter(None, text.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError(f"{part!r} is not KEY=VALUE")
        pairs.append((key, int(value) if value.lstrip("-").isdigit() else value))
    return tuple(pairs)


# In the order of --help. Marked lines register optional parts: delete them with the part's folder.
_SECTIONS: tuple[_Section | type[Part], ...] = (
    _Section("gRPC", _add_transport),
    RestPart,  # part: rest
    _Section("models", _add_models),
    _Section("loading and running", _add_loading),
    BatchingPart,  # part: batching
    _Section("loading and running", _add_answering),
    RequestLogPart,  # part: request_log
    KServePart,  # part: kserve
)
