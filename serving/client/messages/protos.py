"""TF Serving's messages without TensorFlow: loaded from a FileDescriptorSet into a separate pool."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

# Written by serving/client/messages/descriptors.py.
DESCRIPTOR_SET = Path(__file__).with_name("tensorflow_serving.binpb")
MODULES = (
    "grpc_health.v1.health",
    "tensorflow_metadata.proto.v0.schema",
    "tensorflow_serving.apis.classification",
    "tensorflow_serving.apis.get_model_metadata",
    "tensorflow_serving.apis.get_model_status",
    "tensorflow_serving.apis.inference",
    "tensorflow_serving.apis.model_management",
    "tensorflow_serving.apis.predict",
    "tensorflow_serving.apis.prediction_log",
    "tensorflow_serving.apis.regression",
    "tensorflow_serving.config.model_server_config",
)


@functools.cache
def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTOR_SET.read_bytes()).file:
        pool.Add(file)
    return pool


@functools.cache
def message(name: str) -> Any:
    """The message class of a full name, such as ``tensorflow.serving.PredictRequest``.

    The pool is not protobuf's default one, so the process may import TensorFlow, too.
    """
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(name))


def parse_text(text: str, name: str) -> Any:
    """A message from protobuf's text format, by its full name.

    Raises:
        ValueError: the text does not parse; names line and column.
    """
    try:
        return text_format.Parse(text, message(name)(), descriptor_pool=_pool())
    except text_format.ParseError as error:
        raise ValueError(f"not a text-format {name}: {error}") from None
