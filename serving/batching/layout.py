"""A signature's inputs and outputs, read once, to check a request before it joins others in a batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf

from serving.client.messages.values import missing_of
from serving.inference.servable import SignatureDef

# Of the inputs and of the outputs.
TensorNames = tuple[frozenset[str], frozenset[str]]


@dataclass(frozen=True)
class _Input:
    """One input of a signature: its tensor, numpy dtype and shape of a row (None: any)."""

    tensor: str
    dtype: np.dtype
    row: tuple[int | None, ...] | None
    # Whether it takes lists of any length, of which the exporter says that they may be padded with `MISSING`.
    lists: bool = False

    def fits(self, array: np.ndarray) -> bool:
        """Whether the rows have the declared shape."""
        if self.row is None:
            return True
        lengths = array.shape[1:]
        return len(lengths) == len(self.row) and all(
            wanted in (None, length) for wanted, length in zip(self.row, lengths, strict=True)
        )


@dataclass(frozen=True)
class SignatureLayout:
    """A signature, read once.

    Attributes:
        signature: the signature itself.
        tensors: names of its input and output tensors; signatures with the same tensors share a queue.
        inputs: inputs by name.
        outputs: tensor names by output name.
    """

    signature: SignatureDef
    tensors: TensorNames
    inputs: Mapping[str, _Input]
    outputs: Mapping[str, str]

    @classmethod
    def of(cls, signature: SignatureDef) -> SignatureLayout:
        """Read a signature."""
        inputs = {}
        for name, info in signature.inputs.items():
            shape = tf.TensorShape(info.tensor_shape)
            row = None if shape.rank is None else tuple(shape.as_list()[1:])
            dtype = np.dtype(tf.dtypes.as_dtype(info.dtype).as_numpy_dtype)
            raw = bool(info.tensor_shape.dim) and bool(info.tensor_shape.dim[0].name)
            lists = raw and row == (None,) and missing_of(dtype) is not None
            inputs[name] = _Input(info.name, dtype, row, lists)
        outputs = {name: info.name for name, info in signature.outputs.items()}
        tensors = (frozenset(entry.tensor for entry in inputs.values()), frozenset(outputs.values()))
        return cls(signature, tensors, inputs, outputs)

    @cached_property
    def lists(self) -> frozenset[str]:
        """The tensors of lists of any length that are padded with what stands for a missing value."""
        return frozenset(entry.tensor for entry in self.inputs.values() if entry.lists)

    def names_fit(self, inputs: Mapping[str, np.ndarray], output_filter: Collection[str]) -> bool:
        """Whether names and dtypes of the inputs and names of the outputs match the signature."""
        return (
            inputs.keys() == self.inputs.keys()
            and all(array.dtype == self.inputs[name].dtype for name, array in inputs.items())
            and all(name in self.outputs for name in output_filter)
            and len(set(output_filter)) == len(output_filter)
        )

    def shapes_fit(self, inputs: Mapping[str, np.ndarray]) -> bool:
        """Whether the rows have the declared shapes."""
        return all(self.inputs[name].fits(array) for name, array in inputs.items())

    def by_tensor(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The inputs by tensor name."""
        return {self.inputs[name].tensor: array for name, array in inputs.items()}
