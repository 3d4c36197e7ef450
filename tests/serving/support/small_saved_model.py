"""A real SavedModel without training, whose answers show how it was run."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2


class _Small(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, name="x")])
    def double(self, x):
        """``rows`` is the size of the batch that a row was run in, padding included."""
        rows = tf.shape(x)[0]
        return {"y": 2 * x, "sum": tf.reduce_sum(x, axis=1), "rows": tf.fill([rows], rows)}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="a"), tf.TensorSpec([None], tf.string)])
    def pair(self, a, b):
        return {"a": a + 1, "b": b + b"!"}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def total(self, x):
        return {"total": tf.reduce_sum(x)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def first(self, x):
        return {"first": x[:1]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def regress(self, inputs):
        """Half the feature ``x``, and 2; fails on bytes that are not a tf.Example."""
        x = tf.io.parse_example(inputs, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]
        return {"outputs": 0.5 * x + 2}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def classify(self, inputs):
        return {"scores": self.regress(inputs)["outputs"]}


def write(folder: Path) -> Path:
    """Write it; returns ``folder``. ``again`` is ``double`` under other names, over the same tensors."""
    module = _Small()
    names = ("double", "pair", "total", "first", "regress", "classify")
    tf.saved_model.save(module, str(folder), signatures={name: getattr(module, name) for name in names})
    file = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    signatures = model.meta_graphs[0].signature_def
    signatures["regress"].method_name = tf.saved_model.REGRESS_METHOD_NAME
    signatures["classify"].method_name = tf.saved_model.CLASSIFY_METHOD_NAME
    again = signatures["again"]
    again.method_name = tf.saved_model.PREDICT_METHOD_NAME
    again.inputs["other_x"].CopyFrom(signatures["double"].inputs["x"])
    for name, info in signatures["double"].outputs.items():
        again.outputs[f"other_{name}"].CopyFrom(info)
    file.write_bytes(model.SerializeToString())
    return folder


def example(x: float) -> tf.train.Example:
    """What ``regress`` and ``classify`` read."""
    return tf.train.Example(
        features=tf.train.Features(feature={"x": tf.train.Feature(float_list=tf.train.FloatList(value=[x]))})
    )
