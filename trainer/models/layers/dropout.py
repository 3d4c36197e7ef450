"""A dropout that costs almost nothing where XLA compiles the step, and the hash behind it."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

# Keras does not annotate what its operations return.
ops: Any = keras.ops

# Odd multipliers of a 32-bit integer hash with two rounds (Wellons 2018, "lowbias32", public domain).
_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B


@keras.saving.register_keras_serializable(package="trainer")
class HashDropout(keras.layers.Layer):
    """Drops a share of the values in training, like ``keras.layers.Dropout``.

    On a CPU, XLA computes the generator behind Keras' layer number by number: on the taxi model that takes 25 times as
    long as the rest of the step. Here the mask is a hash of each value's position and a counter, a dozen integer
    operations that fuse with their neighbours.

    Args:
        rate: share of the values to drop, in [0, 1); the others are scaled by ``1 / (1 - rate)``.
        seed: int, seed of the masks; None derives one from Keras' global seed.
    """

    def __init__(self, rate: float, *, seed: int | None = None, **options: Any):
        super().__init__(**options)
        self.rate = rate
        self.seed = int(keras.random.randint((), 0, 2**31 - 1)) if seed is None else seed
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the counter of drawn masks. It is saved with the weights, so a training can resume."""
        self.count = self.add_weight(
            shape=(),
            initializer="zeros",
            dtype="int32",
            trainable=False,
            name="count",
            aggregation="only_first_replica",
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Values of any shape; unchanged outside of training."""
        if not training or not self.rate:
            return inputs
        shape = ops.shape(inputs)
        size = 1
        for length in shape:
            size = size * length
        key = mixed(ops.cast(self.count, "uint32") + ops.cast(self.seed, "uint32"))
        key = mixed(key + ops.cast(_replica(), "uint32"))
        self.count.assign_add(1)
        bits = mixed(ops.reshape(ops.cast(ops.arange(size), "uint32"), shape) ^ key)
        limit = ops.cast(int(self.rate * 2**24), "uint32")
        kept = ops.cast(ops.right_shift(bits, ops.cast(8, "uint32")) >= limit, inputs.dtype)
        return inputs * kept * (1.0 / (1.0 - self.rate))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The configuration with which a saved model rebuilds the layer."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


def _replica() -> Any:
    """The number of the current replica, so that replicas draw different masks."""
    context = tf.distribute.get_replica_context()
    return context.replica_id_in_sync_group if context else 0


def mixed(values: Any) -> Any:
    """The mixed bits of uint32 values, a hash of each; for XLA, cheaper than any generator."""
    for shift, factor in ((16, _FIRST), (15, _SECOND)):
        values = (values ^ ops.right_shift(values, ops.cast(shift, "uint32"))) * ops.cast(factor, "uint32")
    return values ^ ops.right_shift(values, ops.cast(16, "uint32"))
