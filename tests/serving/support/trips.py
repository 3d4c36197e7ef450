"""A small model with named features that answers with its inputs, so that a test can see missing values."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from serving.client.messages.values import MISSING

v1 = tf.compat.v1
_FEATURES = {
    "fare": v1.FixedLenFeature([], tf.float32, MISSING["f"]),
    "hour": v1.FixedLenFeature([], tf.int64, MISSING["i"]),
    "kind": v1.FixedLenFeature([], tf.string, MISSING["O"]),
    "sizes": v1.FixedLenFeature([2], tf.float32, [MISSING["f"]] * 2),
}
SCHEMA = """
feature { name: "fare" type: FLOAT value_count { max: 1 } presence { min_count: 1 } }
feature { name: "hour" type: INT value_count { max: 1 } }
feature { name: "kind" type: BYTES value_count { max: 1 } }
feature { name: "sizes" type: FLOAT shape { dim { size: 2 } } }
"""


def save(folder: Path, *, with_tip: bool = False) -> Path:
    """Write a version: ``columnar``, ``serving_default`` (tf.Examples), ``classify`` and ``regress``.

    The first two answer ``said``, ``fare|hour|kind|sizes`` with ``?`` for a missing value. The regression is the fare;
    the classification gives ``cheap`` and ``dear``, the latter with a hundredth of the fare.

    Args:
        folder: of the version; appears at once with all its files.
        with_tip: one more feature, ``tip``, whose value is appended to ``said``.
    """
    features = _FEATURES | ({"tip": v1.FixedLenFeature([], tf.float32, MISSING["f"])} if with_tip else {})
    with v1.Session(graph=tf.Graph()) as session:
        columns = {
            name: v1.placeholder(feature.dtype, [None, *feature.shape], name) for name, feature in features.items()
        }
        examples = v1.placeholder(tf.string, [None], "tf_example")
        parsed = v1.parse_example(examples, features)
        dear = tf.expand_dims(parsed["fare"] / 100.0, 1)
        classes = {
            "classes": tf.tile([["cheap", "dear"]], [tf.shape(dear)[0], 1]),
            "scores": tf.concat([1.0 - dear, dear], 1),
        }
        signatures = {
            "columnar": _signature(columns, {"said": _said(columns)}, "predict"),
            "serving_default": _signature({"examples": examples}, {"said": _said(parsed)}, "predict"),
            "classify": _signature({"inputs": examples}, classes, "classify"),
            "regress": _signature({"inputs": examples}, {"outputs": parsed["fare"]}, "regress"),
        }
        staged = folder.with_name(f".stage-{folder.name}")
        builder = v1.saved_model.Builder(str(staged))
        builder.add_meta_graph_and_variables(session, [tf.saved_model.SERVING], signature_def_map=signatures)
        builder.save()
    return staged.rename(folder)


def _said(columns: dict[str, tf.Tensor]) -> tf.Tensor:
    words = []
    for value in columns.values():
        if value.dtype == tf.float32:
            word = tf.where(tf.math.is_nan(value), "?", tf.as_string(value, precision=1))
        elif value.dtype == tf.int64:
            word = tf.where(tf.equal(value, MISSING["i"]), "?", tf.as_string(value))
        else:
            word = tf.where(tf.equal(value, ""), "?", value)
        words.append(tf.strings.reduce_join(word, 1, separator=",") if word.shape.rank == 2 else word)
    return tf.strings.join(words, "|")


def _signature(inputs: dict[str, tf.Tensor], outputs: dict[str, tf.Tensor], method: str) -> object:
    infos = [
        {name: v1.saved_model.build_tensor_info(tensor) for name, tensor in tensors.items()}
        for tensors in (inputs, outputs)
    ]
    return v1.saved_model.build_signature_def(*infos, f"tensorflow/serving/{method}")
