"""The ``Input`` of Classify, Regress and MultiInference as serialized tf.Examples (servables/tensorflow/util.cc)."""

from __future__ import annotations

import numpy as np
from tensorflow_serving.apis import input_pb2

from serving.errors import invalid_argument


def serialized_examples(request_input: input_pb2.Input) -> np.ndarray:
    """The examples of a request, for a model that parses them.

    The context is put before each example: both are serialized tf.Examples, and protobuf reads their concatenation as
    one message in which a feature of the example wins over the context's.

    Returns:
        Object array of bytes, ``[examples]``.

    Raises:
        StatusError: there are no examples.
    """
    if request_input.WhichOneof("kind") == "example_list_with_context":
        context = request_input.example_list_with_context.context.SerializeToString()
        listed = request_input.example_list_with_context.examples
    else:
        context = b""
        listed = request_input.example_list.examples
    if not listed:
        raise invalid_argument("Input is empty.")
    return np.array([context + example.SerializeToString() for example in listed], dtype=object)
