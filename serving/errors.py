"""Refusals of the server: a gRPC status code and TF Serving's own text."""

from __future__ import annotations

import grpc
import tensorflow as tf

# Bytes: a gRPC header may hold 8 KB, and each byte that is not ASCII takes three there.
_MOST_BYTES = 1024
_TRUNCATED = "...TRUNCATED"
# TensorFlow's and gRPC's codes are the same numbers (google/rpc/code.proto).
_STATUS_OF_TF = {code.value[0]: code for code in grpc.StatusCode}


class StatusError(Exception):
    """A request or a load ended in a status other than OK.

    Attributes:
        code: the gRPC status code.
        text: the message for the caller, cut as TF Serving cuts it (model_servers/grpc_status_util.cc).
    """

    def __init__(self, code: grpc.StatusCode, text: str):
        super().__init__(text)
        self.code = code
        self.text = _cut(text)


def _cut(text: str) -> str:
    encoded = text.encode(errors="replace")
    if len(encoded) <= _MOST_BYTES:
        return text
    return encoded[: _MOST_BYTES - len(_TRUNCATED)].decode(errors="ignore") + _TRUNCATED


def invalid_argument(text: str) -> StatusError:
    """The status of a request that can never be answered."""
    return StatusError(grpc.StatusCode.INVALID_ARGUMENT, text)


def not_found(text: str) -> StatusError:
    """The status for a missing model or version."""
    return StatusError(grpc.StatusCode.NOT_FOUND, text)


def failed_precondition(text: str) -> StatusError:
    """The status of a request that the server's state does not allow."""
    return StatusError(grpc.StatusCode.FAILED_PRECONDITION, text)


def from_tensorflow(error: tf.errors.OpError) -> StatusError:
    """A status with the code and text of TensorFlow's C++ status."""
    return StatusError(_STATUS_OF_TF[error.error_code], error.message)


def code_name(number: int) -> str:
    """The name of a status code's number, such as ``NOT_FOUND``."""
    return _STATUS_OF_TF[number].name
