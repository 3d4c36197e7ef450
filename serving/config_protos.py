"""Config files of TF Serving whose messages tensorflow-serving-api does not ship, and a reader of text-format files.

The fields are those of config/ssl_config.proto, config/monitoring_config.proto and
servables/tensorflow/session_bundle_config.proto. The numbers never travel: the files are text. The messages live in
a pool of their own, so they cannot clash with a package that ships them one day.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

from google.protobuf import descriptor_pb2, message, message_factory, text_format, wrappers_pb2

from serving.proto_files import BOOL, INT64, STRING, Fields, file_of, pool_of

if TYPE_CHECKING:
    from collections.abc import MutableSequence

    class SslConfig(message.Message):
        """Inline PEM, and whether clients need a certificate, too."""

        server_key: str
        server_cert: str
        custom_ca: str
        client_verify: bool

    class PrometheusConfig(message.Message):
        """Whether and where the metrics are served."""

        enable: bool
        path: str

    class MonitoringConfig(message.Message):
        """How the server is monitored."""

        prometheus_config: PrometheusConfig

    class BatchingParametersConfig(message.Message):
        """How requests are batched; ``HasField`` of a wrapped field says whether it is given."""

        max_batch_size: wrappers_pb2.Int64Value
        batch_timeout_micros: wrappers_pb2.Int64Value
        max_enqueued_batches: wrappers_pb2.Int64Value
        num_batch_threads: wrappers_pb2.Int64Value
        thread_pool_name: wrappers_pb2.StringValue
        allowed_batch_sizes: MutableSequence[int]
        pad_variable_length_inputs: bool
        enable_large_batch_splitting: wrappers_pb2.BoolValue
        max_execution_batch_size: wrappers_pb2.Int64Value


_PACKAGE = "tensorflow.serving"
_INT64_VALUE, _STRING_VALUE, _BOOL_VALUE = (f".google.protobuf.{kind}Value" for kind in ("Int64", "String", "Bool"))
_MESSAGES: dict[str, Fields] = {
    "SSLConfig": {
        "server_key": (1, STRING),
        "server_cert": (2, STRING),
        "custom_ca": (3, STRING),
        "client_verify": (4, BOOL),
    },
    "PrometheusConfig": {
        "enable": (1, BOOL),
        "path": (2, STRING),
    },
    "MonitoringConfig": {
        "prometheus_config": (1, "PrometheusConfig"),
    },
    "BatchingParameters": {
        "max_batch_size": (1, _INT64_VALUE),
        "batch_timeout_micros": (2, _INT64_VALUE),
        "max_enqueued_batches": (3, _INT64_VALUE),
        "num_batch_threads": (4, _INT64_VALUE),
        "thread_pool_name": (5, _STRING_VALUE),
        "allowed_batch_sizes": (6, [INT64]),
        "pad_variable_length_inputs": (7, BOOL),
        "enable_large_batch_splitting": (8, _BOOL_VALUE),
        "max_execution_batch_size": (9, _INT64_VALUE),
    },
}
# Protobuf reports "3:5 : 'the line': Expected ...". The line may hold a private key, so it is left out.
_PLACE = re.compile(r"^(?P<line>\d+):\d+ ?: ?(?:'.*': )?(?P<what>.*)$", re.DOTALL)
_Message = TypeVar("_Message", bound=message.Message)


def ssl_config() -> type[SslConfig]:
    """The class of ``--ssl_config_file``."""
    return cast("type[SslConfig]", _message_class("SSLConfig"))


def monitoring_config() -> type[MonitoringConfig]:
    """The class of ``--monitoring_config_file``."""
    return cast("type[MonitoringConfig]", _message_class("MonitoringConfig"))


def batching_parameters() -> type[BatchingParametersConfig]:
    """The class of ``--batching_parameters_file``."""
    return cast("type[BatchingParametersConfig]", _message_class("BatchingParameters"))


def read_text(path: Path, message_class: type[_Message]) -> _Message:
    """Parse a text-format file.

    Raises:
        ValueError: the file is missing, unreadable or not the text of a ``message_class``; one line that names the
            file, the line and the problem.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    try:
        return text_format.Parse(text, message_class())
    except text_format.ParseError as error:
        place = _PLACE.match(str(error))
        where = f"{path}:{place['line']}" if place else f"{path}"
        what = " ".join((place["what"] if place else str(error)).split())
        kind = message_class.DESCRIPTOR.full_name
        raise ValueError(f"{where}: Error parsing text-format {kind}: {what}") from None


def _message_class(name: str) -> type[message.Message]:
    wrappers = descriptor_pb2.FileDescriptorProto.FromString(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool = pool_of(wrappers, file_of(_PACKAGE, _MESSAGES, dependencies=[wrappers.name]))
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
