"""A user module with the export that looks right and is not: it loads in Python and fails in TF Serving."""

from unittest import mock

import tensorflow as tf

from trainer import export
from trainer import run_fn as good


def run_fn(fn_args):
    """Train as usual, then save with ``tf.saved_model.save``."""
    with mock.patch.object(export, "export", _save):
        good.run_fn(fn_args)


def _save(*, model, transform_output, label, served, path):
    serving = export.ServingModel(model=model, transform_output=transform_output, label=label, served=served)
    examples = tf.TensorSpec([None], tf.string, name="examples")
    tf.saved_model.save(
        serving,
        path,
        signatures={
            "serving_default": tf.function(serving.serve_examples).get_concrete_function(examples),
            export.TRANSFORM_FEATURES: tf.function(serving.transform_examples).get_concrete_function(examples),
        },
    )
