"""A TF 1 SavedModel, y = x / 2 + 2, with a signature for every kind of request and some that break a rule."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

CLASSIFY, REGRESS, PREDICT = (
    tf.saved_model.CLASSIFY_METHOD_NAME,
    tf.saved_model.REGRESS_METHOD_NAME,
    tf.saved_model.PREDICT_METHOD_NAME,
)


def save(path: Path, *, intercept: float = 2.0) -> None:
    """Write the model to the new folder ``path``."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        slope = tf.compat.v1.get_variable("slope", initializer=0.5)
        examples = tf.compat.v1.placeholder(tf.string, [None], name="tf_example")
        other = tf.compat.v1.placeholder(tf.string, [None], name="other_example")
        feature = {"x": tf.io.FixedLenFeature([1], tf.float32)}
        x = tf.identity(tf.io.parse_example(examples, feature)["x"], name="x")
        other_x = tf.io.parse_example(other, feature)["x"]
        y = tf.add(x * slope, intercept, name="y")
        labels = tf.as_string(y, precision=1)
        (slow,) = tf.while_loop(lambda value: value < 1e30, lambda value: (value + 1e-3,), [x[0, 0]])
        empty = tf.compat.v1.placeholder_with_default(tf.constant("\xff".encode("latin-1")), [])

        def signature(method, inputs, **outputs):
            return tf.compat.v1.saved_model.build_signature_def(
                {name: tf.compat.v1.saved_model.build_tensor_info(tensor) for name, tensor in inputs.items()},
                {name: tf.compat.v1.saved_model.build_tensor_info(tensor) for name, tensor in outputs.items()},
                method,
            )

        asked = {"inputs": examples}
        signatures = {
            "serving_default": signature(PREDICT, {"x": x}, y=y),
            "two_outputs": signature(PREDICT, {"x": x}, y=y, twice=2.0 * y, label=labels),
            "regress": signature(REGRESS, asked, outputs=y),
            "regress_flat": signature(REGRESS, asked, outputs=y[:, 0] + 1.0),
            "regress_other_input": signature(REGRESS, {"inputs": other}, outputs=other_x),
            "classify": signature(CLASSIFY, asked, scores=y),
            "classify_labels": signature(CLASSIFY, asked, classes=labels),
            "classify_both": signature(
                CLASSIFY, asked, classes=tf.concat([labels, labels], 1), scores=tf.concat([y, -y], 1)
            ),
            "regress_tf2": signature(PREDICT, asked, outputs=y),
            "slow": signature(PREDICT, {"x": x}, y=slow),
            "no_method": signature("", {"x": x}, y=y),
            "classify_flat": signature(CLASSIFY, asked, scores=y[:, 0]),
            "classify_double": signature(CLASSIFY, asked, scores=tf.cast(y, tf.float64)),
            "classify_no_strings": signature(CLASSIFY, asked, classes=y),
            "classify_one_row": signature(CLASSIFY, asked, scores=y[:1]),
            "classify_unequal": signature(CLASSIFY, asked, classes=labels, scores=tf.concat([y, y], 1)),
            "classify_other_outputs": signature(CLASSIFY, asked, y=y),
            "classify_three_outputs": signature(CLASSIFY, asked, classes=labels, scores=y, more=y),
            "classify_other_input": signature(CLASSIFY, {"examples": examples}, scores=y),
            "classify_not_utf8": signature(CLASSIFY, asked, classes=tf.fill(tf.shape(y), empty)),
            "regress_wide": signature(REGRESS, asked, outputs=tf.concat([y, y], 1)),
            "regress_double": signature(REGRESS, asked, outputs=tf.cast(y, tf.float64)),
            "regress_one_row": signature(REGRESS, asked, outputs=y[:1]),
            "regress_two_inputs": signature(REGRESS, {"inputs": examples, "x": x}, outputs=y),
            "regress_two_outputs": signature(REGRESS, asked, outputs=y, more=y),
            "regress_other_outputs": signature(REGRESS, asked, y=y),
            "regress_other_name": signature(REGRESS, {"examples": examples}, outputs=y),
        }
        session.run(tf.compat.v1.global_variables_initializer())
        builder = tf.compat.v1.saved_model.Builder(str(path))
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures)
        builder.save()
