"""The codec reads whatever a client may send as TensorFlow itself does."""

from __future__ import annotations

import random

import numpy as np
import pytest
import tensorflow as tf

from serving.client.messages.dtypes import TensorError
from serving.client.messages.tensors import to_array

pytestmark = pytest.mark.tensorflow


def _random_proto(choice):
    """A TensorProto as a careless or hostile client would make it."""
    fields = ["float_val", "double_val", "int_val", "int64_val", "bool_val", "half_val", "uint32_val", "uint64_val"]
    fields += ["scomplex_val", "dcomplex_val"]
    proto = tf.make_tensor_proto(0.0)
    proto.Clear()
    proto.dtype = choice.choice([*range(20), *range(22, 33), 101])
    for _ in range(choice.randrange(4)):
        proto.tensor_shape.dim.add().size = choice.choice([-1, 0, 1, 2, 3, 7, 50])
    proto.tensor_shape.unknown_rank = choice.random() < 0.03
    for field in choice.sample(fields, choice.randrange(len(fields))):
        getattr(proto, field).extend(choice.randrange(2) for _ in range(choice.choice([0, 1, 3, 40, 60])))
    proto.float8_val = bytes(choice.randrange(2) for _ in range(choice.choice([0, 1, 3, 60])))
    proto.string_val.extend(choice.sample([b"", b"a", b"\xff", b"long" * 9], choice.randrange(3)))
    if choice.random() < 0.4:
        proto.tensor_content = choice.choice([b"\x01", b"\x00"]) * choice.choice([1, 2, 4, 8, 12, 28, 100, 400])
    return proto


@pytest.mark.slow
def test_the_codec_reads_every_proto_as_tensorflow_itself_does():
    choice = random.Random(5)
    agreed = {True: 0, False: 0}
    for _ in range(3000):
        proto = _random_proto(choice)
        try:
            expected = tf.io.parse_tensor(proto.SerializeToString(), proto.dtype if 0 < proto.dtype < 100 else 1)
        except tf.errors.OpError:
            expected = None
        try:
            found = to_array(proto)
        except TensorError:
            found = None
        assert (found is None) == (expected is None), proto
        if found is not None:
            assert found.dtype == expected.dtype.as_numpy_dtype
            found = found[found.dtype.names[0]] if found.dtype.names else found
            np.testing.assert_array_equal(found, expected.numpy(), err_msg=str(proto))
            found = expected
        agreed[found is None] += 1
    assert min(agreed.values()) > 500
