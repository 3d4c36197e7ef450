"""TF Serving's messages without TensorFlow: loaded from a FileDescriptorSet into a pool of their own."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# Made by serving/descriptors.py.
DESCRIPTOR_SET = Path(__file__).with_name("tensorflow_serving.binpb")
MODULES = (
    "classification",
    "get_model_metadata",
    "get_model_status",
    "inference",
    "model_management",
    "predict",
    "prediction_log",
    "regression",
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

    The pool is not protobuf's default one, so a process may import TensorFlow beside it.
    """
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(name))
