"""Operations that call back into Python: they train, but no model server can run them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import tensorflow as tf
from tensorflow.python.saved_model import loader_impl

from trainer import models
from trainer.features.transformed import TransformedFeatures
from trainer.refusal import TrainingRefused

if TYPE_CHECKING:
    import keras

# What tf.py_function and tf.numpy_function leave in a graph.
_OPS = {"EagerPyFunc": "tf.py_function", "PyFunc": "tf.numpy_function", "PyFuncStateless": "tf.numpy_function"}


def refuse_in_model(model: keras.Model, name: str, features: TransformedFeatures) -> None:
    """Refuse a network that calls Python.

    Args:
        model: as `trainer.models.build` builds it.
        name: the network's, for the message.
        features: what it reads.

    Raises:
        TrainingRefused: names the operation.
    """
    inputs = {key: tf.TensorSpec([None, *shape], dtype) for key, (shape, dtype) in features.tensors().items()}
    traced = tf.function(lambda transformed: models.apply(model, transformed, training=False), autograph=False)
    _refuse(traced.get_concrete_function(inputs).graph.as_graph_def(), f"trainer.model.name: the network {name!r}")


def refuse_in_transform(folder: str) -> None:
    """Refuse a transform graph that calls Python.

    Args:
        folder: folder of the SavedModel that Transform wrote.

    Raises:
        TrainingRefused: names the operation.
    """
    for meta_graph in loader_impl.parse_saved_model(os.fspath(folder)).meta_graphs:
        _refuse(meta_graph.graph_def, "preprocessing_fn")


def _refuse(graph: tf.compat.v1.GraphDef, what: str) -> None:
    functions: Iterable[Iterable] = (function.node_def for function in graph.library.function)
    for node in (node for nodes in (graph.node, *functions) for node in nodes):
        if node.op in _OPS:
            raise TrainingRefused(
                f"{what} has the operation {node.name!r}, a {_OPS[node.op]}: its Python is not part of the export, so "
                "that no server could run it; write it with TensorFlow's operations."
            )
