"""A SavedModel behind the v1 Session loader: the very loader and executor that TF Serving uses.

``tf.saved_model.load`` would hide what fails in TF Serving (Keras 3 variables that a Session does not see).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

SignatureDef = meta_graph_pb2.SignatureDef
# Holds the initialisation op; no signature that anybody calls.
_INTERNAL_SIGNATURES = frozenset({"__saved_model_init_op"})


class InvalidRequest(Exception):
    """A request that does not fit the signature; the text is TF Serving's."""


class SavedModel:
    """One loaded version of a model. Thread-safe.

    Args:
        path: the SavedModel's folder.

    Raises:
        OSError: there is no SavedModel at ``path``.
        tf.errors.OpError: it cannot be loaded.
    """

    def __init__(self, path: str):
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            meta_graph = tf.compat.v1.saved_model.load(self._session, ["serve"], path)
        self.signatures: Mapping[str, SignatureDef] = {
            name: definition
            for name, definition in meta_graph.signature_def.items()
            if name not in _INTERNAL_SIGNATURES
        }

    def run(
        self, signature: SignatureDef, inputs: Mapping[str, np.ndarray], *, output_filter: Collection[str] = ()
    ) -> dict[str, np.ndarray]:
        """Run one signature.

        Args:
            signature: one of ``signatures``.
            inputs: an array for every input of the signature, strings as object arrays of bytes.
            output_filter: the outputs wanted; empty means all.

        Raises:
            InvalidRequest: inputs are missing or too many, of the wrong dtype, or an output is unknown.
            tf.errors.OpError: the graph itself fails on the values.
        """
        check_inputs(signature, inputs)
        unknown = [name for name in output_filter if name not in signature.outputs]
        if unknown:
            raise InvalidRequest(f"output tensor alias not found in signature: {unknown[0]}")
        if len(set(output_filter)) != len(output_filter):
            raise InvalidRequest(f"duplicate output tensor alias: {_first_duplicate(output_filter)}")
        wanted = list(output_filter) or sorted(signature.outputs)
        feeds = {signature.inputs[name].name: array for name, array in inputs.items()}
        values = self._session.run([signature.outputs[name].name for name in wanted], feeds)
        return dict(zip(wanted, values, strict=True))

    def close(self) -> None:
        """Free the session; no call may be under way."""
        self._session.close()


def check_inputs(signature: SignatureDef, inputs: Mapping[str, np.ndarray]) -> None:
    """Raise InvalidRequest, in TF Serving's words, where ``inputs`` do not fit ``signature``."""
    wanted, sent = set(signature.inputs), set(inputs)
    if wanted != sent:
        extra, missing = ",".join(sorted(sent - wanted)), ",".join(sorted(wanted - sent))
        raise InvalidRequest(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({{{','.join(sorted(wanted))}}}). "
            f"Sent extra: {{{extra}}}. Missing but required: {{{missing}}}."
        )
    for index, (name, array) in enumerate(sorted(inputs.items())):
        dtype = tf.dtypes.as_dtype(signature.inputs[name].dtype)
        sent_dtype = tf.dtypes.as_dtype(array.dtype)
        if sent_dtype != dtype:
            raise InvalidRequest(f"Expects arg[{index}] to be {_name(dtype)} but {_name(sent_dtype)} is provided")
        shape = tf.TensorShape(signature.inputs[name].tensor_shape)
        if not shape.is_compatible_with(array.shape):
            raise InvalidRequest(f"input {name} has shape {list(array.shape)}; {shape} is wanted")


def _name(dtype: tf.DType) -> str:
    """The C++ name of a dtype (tensorflow/core/framework/types.cc)."""
    return {"float32": "float", "float64": "double"}.get(dtype.name, dtype.name)


def _first_duplicate(names: Collection[str]) -> str:
    seen: set[str] = set()
    return next(name for name in names if name in seen or seen.add(name))
