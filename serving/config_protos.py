"""Config files of TF Serving whose messages tensorflow-serving-api does not ship, and a reader of text-format files.

The fields are those of config/ssl_config.proto, config/monitoring_config.proto and
servables/tensorflow/session_bundle_config.proto. The numbers never travel: the files are text. The messages live in
a pool of their own, so they cannot clash with a package that ships them one day.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory, text_format, wrappers_pb2

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


_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "tensorflow.serving"
_INT64_VALUE, _STRING_VALUE, _BOOL_VALUE = (f".google.protobuf.{kind}Value" for kind in ("Int64", "String", "Bool"))
# message -> field -> (number, type); a name with a leading dot is a message, a list marks a repeated field.
_MESSAGES: dict[str, dict[str, tuple[int, Any]]] = {
    "SSLConfig": {
        "server_key": (1, _Field.TYPE_STRING),
        "server_cert": (2, _Field.TYPE_STRING),
        "custom_ca": (3, _Field.TYPE_STRING),
        "client_verify": (4, _Field.TYPE_BOOL),
    },
    "PrometheusConfig": {
        "enable": (1, _Field.TYPE_BOOL),
        "path": (2, _Field.TYPE_STRING),
    },
    "MonitoringConfig": {
        "prometheus_config": (1, f".{_PACKAGE}.PrometheusConfig"),
    },
    "BatchingParameters": {
        "max_batch_size": (1, _INT64_VALUE),
        "batch_timeout_micros": (2, _INT64_VALUE),
        "max_enqueued_batches": (3, _INT64_VALUE),
        "num_batch_threads": (4, _INT64_VALUE),
        "thread_pool_name": (5, _STRING_VALUE),
        "allowed_batch_sizes": (6, [_Field.TYPE_INT64]),
        "pad_variable_length_inputs": (7, _Field.TYPE_BOOL),
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
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(_file().SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="serving/config_protos.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    for name, fields in _MESSAGES.items():
        kind = file.message_type.add(name=name)
        for field, (number, type_) in fields.items():
            kind.field.append(_field(field, number, type_))
    return file


def _field(name: str, number: int, type_: Any) -> _Field:
    if isinstance(type_, list):
        return _Field(name=name, number=number, label=_Field.LABEL_REPEATED, type=type_[0])
    if isinstance(type_, str):
        return _Field(name=name, number=number, label=_Field.LABEL_OPTIONAL, type=_Field.TYPE_MESSAGE, type_name=type_)
    return _Field(name=name, number=number, label=_Field.LABEL_OPTIONAL, type=type_)
