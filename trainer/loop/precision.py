"""Half precision ends with the training."""

from __future__ import annotations

import json

import keras

_HALF_PRECISION = ("mixed_bfloat16", "mixed_float16")


def in_float32(model: keras.Model) -> keras.Model:
    """The same model, or one with the same weights that computes in float32.

    The weights are float32 in any case, whatever is computed from them. On a CPU float32 is the fastest to serve, its
    answers do not depend on the machine's half-precision arithmetic, and TF Lite has no lookups in half precision.

    Args:
        model: a built model of any precision.
    """
    before = json.dumps(keras.saving.serialize_keras_object(model))
    after = before
    for policy in _HALF_PRECISION:
        after = after.replace(json.dumps(policy), json.dumps("float32"))
    if after == before:
        return model
    copy = keras.saving.deserialize_keras_object(json.loads(after))
    copy.set_weights(model.get_weights())
    return copy
