"""A user module with the export that looks right and is not: it loads in Python and fails in TF Serving."""

from unittest import mock

import tensorflow as tf

from trainer import run_fn as good
from trainer.export import saved_model


def run_fn(fn_args):
    """Train as usual, then save with ``tf.saved_model.save``."""
    with mock.patch.object(saved_model, "export", _save):
        good.run_fn(fn_args)


def _save(*, model, transform_output, label, features, path):
    serving = saved_model.ServingModel(model=model, transform_output=transform_output, label=label, features=features)
    examples = tf.TensorSpec([None], tf.string, name="examples")
    tf.saved_model.save(
        serving,
        path,
        signatures={
            "serving_default": tf.function(serving.serve_examples).get_concrete_function(examples),
            saved_model.TRANSFORM_FEATURES: tf.function(serving.transform_examples).get_concrete_function(examples),
        },
    )
