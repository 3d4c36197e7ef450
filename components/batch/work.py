"""What is to be done, checked before anything is read."""

from __future__ import annotations

from collections.abc import Sequence

from components.batch import model
from components.batch.options import BatchOptions
from components.batch.reading import inputs
from components.batch.scoring import Work
from components.batch.writing import layout
from components.example_gen.reading import Reading


def plan(words: Sequence[str], reading: Reading, options: BatchOptions, *, folder: str) -> Work:
    """The work of one batch inference.

    Args:
        words: paths, folders, patterns and URIs of the input.
        reading: how the pipeline's own files are read.
        options: what is asked.
        folder: path or URI of the folder for the answers.

    Raises:
        GateRefused: the model or the input cannot be used, or two columns of the output would have one name.
    """
    signature = model.signature_of(options.saved_model)
    files = inputs.find(words, reading)
    inputs.check_columns(files, sorted(signature.inputs), options)
    outputs = layout.outputs_of(signature)
    layout.check_names(options, list(signature.inputs), list(outputs))
    return Work(files=files, options=options, outputs=outputs, folder=folder)
