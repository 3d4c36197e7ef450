"""Writes SavedModels, always with ``keras.export.ExportArchive``.

A Keras 3 model saved with ``tf.saved_model.save`` loads in Python, but fails every request in TF Serving, whose Session
loader does not see its variables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

# Keras annotates it as the archive of any backend; only TensorFlow's has `write_out`.
_ExportArchive: Any = keras.export.ExportArchive

# By name: a function of tensors, and the specs of its arguments.
Signatures = Mapping[str, tuple[Callable[..., Any], Sequence[Any]]]


def write(path: str, signatures: Signatures, *, resources: Any = None) -> None:
    """Write a SavedModel.

    Args:
        path: the folder to write.
        signatures: the functions to export.
        resources: an object whose lookup tables are exported, too; variables are found through the signatures.
    """
    archive = _ExportArchive()
    if resources is not None:
        archive.track(resources)
    # Autograph has nothing to convert here and costs a quarter of the export.
    for name, (function, specs) in signatures.items():
        archive.add_endpoint(name, tf.function(function, input_signature=specs, autograph=False))
    archive.write_out(path, verbose=False)
