"""Half precision while training, float32 afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import keras

_HALF_PRECISION = {"bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


@contextmanager
def dtype_policy(precision: str) -> Iterator[None]:
    """Set Keras' dtype policy, which layers take when they are created, for as long as this is open.

    Args:
        precision: ``float32``, ``bfloat16`` or ``float16``.
    """
    former = keras.config.dtype_policy()
    keras.config.set_dtype_policy(_HALF_PRECISION.get(precision, precision))
    try:
        yield
    finally:
        keras.config.set_dtype_policy(former)


def in_float32(model: keras.Model) -> keras.Model:
    """The same model, or one with the same weights that computes in float32.

    The weights are float32 in any case. On a CPU float32 is the fastest to serve, its results do not depend on the
    machine's half-precision arithmetic, and TF Lite has no lookups in half precision.

    Args:
        model: a built model of any precision.
    """
    before = json.dumps(keras.saving.serialize_keras_object(model))
    after = before
    for policy in _HALF_PRECISION.values():
        after = after.replace(json.dumps(policy), json.dumps("float32"))
    if after == before:
        return model
    copy = keras.saving.deserialize_keras_object(json.loads(after))
    copy.set_weights(model.get_weights())
    return copy
