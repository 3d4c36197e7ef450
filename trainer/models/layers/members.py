"""The members of an ensemble in one network: what each has for itself, and what all share (BatchEnsemble).

Source: Wen et al., ICLR 2020, arXiv:2002.06715.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

# Keras does not annotate what its operations return.
ops: Any = keras.ops


@keras.saving.register_keras_serializable(package="trainer")
class ScaledDense(keras.layers.Layer):
    """The first dense layer: all members share it, after a scale of every input that is each member's own.

    Args:
        units: int, width of a member's result.
        members: int, members of the ensemble.
        chunks: how many inputs each feature has; they add up to the inputs' width. A feature's scales are drawn once.
    """

    def __init__(self, units: int, *, members: int, chunks: Sequence[int], **options: Any):
        super().__init__(**options)
        self.units = units
        self.members = members
        self.chunks = tuple(chunks)
        self._kernel_initializer = keras.initializers.GlorotUniform()

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the scales, float32 ``[members, width]``, the kernel ``[width, units]`` and biases."""

        def per_feature(shape: tuple[int, int], dtype: str) -> Any:
            drawn = keras.random.normal((shape[0], len(self.chunks)), dtype=dtype)
            return ops.take(drawn, np.repeat(np.arange(len(self.chunks)), self.chunks), axis=1)

        width = sum(self.chunks)
        self.scale = self.add_weight(shape=(self.members, width), initializer=per_feature, name="scale")
        self.kernel = self.add_weight(shape=(width, self.units), initializer=self._kernel_initializer, name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """Floats ``[batch, width]`` to ``[batch * members, units]`` of at least 0, a row's members side by side.

        A matrix, so that a dense layer is one product: Keras reshapes anything else with ten operations more. The
        scales apply to the inputs, or with the same result to the kernel, whichever is smaller: in a step of 256 rows
        that halves the layer's time.
        """
        width, kernel = sum(self.chunks), ops.convert_to_tensor(self.kernel)
        if inputs.shape[0] is None or inputs.shape[0] < self.units:
            scaled = ops.reshape(ops.expand_dims(inputs, 1) * self.scale, (-1, width))
            return ops.relu(ops.matmul(scaled, kernel) + self.bias)
        kernels = ops.expand_dims(ops.transpose(self.scale), 2) * ops.expand_dims(kernel, 1)
        product = ops.matmul(inputs, ops.reshape(kernels, (width, self.members * self.units)))
        return ops.relu(ops.reshape(product, (-1, self.units)) + self.bias)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of `call`'s result."""
        rows = input_shape[0]
        return (None if rows is None else rows * self.members, self.units)

    def get_config(self) -> dict[str, Any]:
        """The configuration with which a saved model rebuilds the layer."""
        own = {"units": self.units, "members": self.members, "chunks": self.chunks}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="trainer")
class MemberDense(keras.layers.Layer):
    """A dense layer of its own for each member.

    Args:
        units: int, width of the result.
        members: int, members of the ensemble.
    """

    def __init__(self, units: int, *, members: int, **options: Any):
        super().__init__(**options)
        self.units = units
        self.members = members

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the kernels, float32 ``[members, width, units]``, and biases."""
        width = input_shape[1] or 1
        uniform = keras.initializers.RandomUniform(-(width**-0.5), width**-0.5)
        self.kernel = self.add_weight(shape=(self.members, width, self.units), initializer=uniform, name="kernel")
        self.bias = self.add_weight(shape=(self.members, self.units), initializer="zeros", name="bias")

    def call(self, inputs: Any) -> Any:
        """Floats ``[batch * members, width]`` to ``[batch, members, units]``."""
        rows = ops.reshape(inputs, (-1, self.members, inputs.shape[1]))
        if self.units == 1:
            # For one row, oneDNN's product of many small matrices takes ten times as long.
            kernel = ops.squeeze(ops.convert_to_tensor(self.kernel), -1)
            return ops.sum(rows * kernel, axis=-1, keepdims=True) + self.bias
        return ops.einsum("bkd,kdu->bku", rows, self.kernel) + self.bias

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of `call`'s result."""
        rows = input_shape[0]
        return (None if rows is None else rows // self.members, self.members, self.units)

    def get_config(self) -> dict[str, Any]:
        """The configuration with which a saved model rebuilds the layer."""
        return {**super().get_config(), "units": self.units, "members": self.members}


@keras.saving.register_keras_serializable(package="trainer")
class SharedSum(keras.layers.Layer):
    """Adds the same to the logits of all members.

    ``keras.layers.Add`` would take a batch of as many rows as there are members for a bias of the members.
    """

    def call(self, inputs: tuple[Any, Any]) -> Any:
        """Floats ``[batch, members, units]`` and ``[batch, units]`` to ``[batch, members, units]``."""
        logits, shared = inputs
        return logits + ops.expand_dims(shared, 1)

    def compute_output_shape(self, input_shape: tuple[Any, Any]) -> Any:
        """The shape of `call`'s result."""
        return input_shape[0]
