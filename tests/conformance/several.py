"""Modules of test models without a counterpart in TF Serving's test data."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

_EXAMPLES = tf.TensorSpec([None], tf.string, name="inputs")
_LABELS = (b"no", b"yes")
# Types that JSON does not have, by their names in the signature.
_OTHER_TYPES = {
    "half": tf.float16,
    "bfloat16": tf.bfloat16,
    "complex64": tf.complex64,
    "complex128": tf.complex128,
    "int8": tf.int8,
    "uint16": tf.uint16,
    "qint8": tf.qint8,
    "quint16": tf.quint16,
    "float8_e5m2": tf.dtypes.experimental.float8_e5m2,
    "int4": tf.dtypes.experimental.int4,
}


def _floats(name: str, *shape: int | None) -> tf.TensorSpec:
    return tf.TensorSpec(shape, tf.float32, name=name)


class Several(tf.Module):
    """Signatures of all kinds, without a ``serving_default``."""

    def signatures(self) -> Mapping[str, tf.types.experimental.PolymorphicFunction]:
        """The functions by the names of their signatures."""
        names = "repeat types other_types add no_rows row_sum total as_bytes"
        names += " classes flat_scores wide_regression one_too_many"
        return {name: getattr(self, name) for name in names.split()}

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.string, name="text"), tf.TensorSpec([None], tf.int64, name="times")]
    )
    def repeat(self, text: tf.Tensor, times: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """Strings and int64 in, both out; the numbers are doubled."""
        return {"text": tf.strings.join([text, tf.strings.as_string(times)], ":"), "twice": 2 * times}

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], kind, name=kind.name)
            for kind in (tf.float64, tf.int32, tf.bool, tf.uint8, tf.int16, tf.uint32, tf.uint64)
        ]
    )
    def types(
        self,
        float64: tf.Tensor,
        int32: tf.Tensor,
        bool: tf.Tensor,
        uint8: tf.Tensor,
        int16: tf.Tensor,
        uint32: tf.Tensor,
        uint64: tf.Tensor,
    ) -> Mapping[str, tf.Tensor]:
        """Every input as it is."""
        columns = (float64, int32, bool, uint8, int16, uint32, uint64)
        return {column.dtype.name: tf.identity(column) for column in columns}

    @tf.function(input_signature=[tf.TensorSpec([None], kind, name=name) for name, kind in _OTHER_TYPES.items()])
    def other_types(self, *columns: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """Every input as it is."""
        return {name: tf.identity(column) for name, column in zip(_OTHER_TYPES, columns, strict=True)}

    @tf.function(input_signature=[_floats("a", None), _floats("b", None)])
    def add(self, a: tf.Tensor, b: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """Fails in its kernel if the sizes differ."""
        return {"sum": a + b}

    @tf.function(input_signature=[_floats("values", None, None)])
    def row_sum(self, values: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """Rows of any length."""
        return {"sum": tf.reduce_sum(values, axis=1)}

    @tf.function(input_signature=[_floats("values", None)])
    def no_rows(self, values: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """An output of 0 rows."""
        return {"none": values[:0]}

    @tf.function(input_signature=[_floats("values", None)])
    def total(self, values: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """A scalar."""
        return {"total": tf.reduce_sum(values)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def as_bytes(self, text: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """An output that REST writes in base64 because of its name."""
        return {"same_bytes": tf.identity(text)}

    @tf.function(input_signature=[_EXAMPLES])
    def classes(self, inputs: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """Two classes with labels and scores; needs the feature ``x``, takes a feature ``shift``."""
        features = tf.io.parse_example(
            inputs,
            {
                "x": tf.io.FixedLenFeature([], tf.float32),
                "shift": tf.io.FixedLenFeature([], tf.float32, default_value=0.0),
            },
        )
        score = features["x"] + features["shift"]
        labels = tf.repeat(tf.constant([_LABELS]), tf.size(inputs), axis=0)
        return {"classes": labels, "scores": tf.stack([-score, score], axis=1)}

    @tf.function(input_signature=[_EXAMPLES])
    def flat_scores(self, inputs: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """Scores of a rank that no classification may have."""
        return {"scores": tf.zeros([tf.size(inputs)])}

    @tf.function(input_signature=[_EXAMPLES])
    def wide_regression(self, inputs: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """Outputs of a shape that no regression may have."""
        return {"outputs": tf.zeros([tf.size(inputs), 2])}

    @tf.function(input_signature=[_EXAMPLES])
    def one_too_many(self, inputs: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """One row too many."""
        return {"outputs": tf.zeros([tf.size(inputs) + 1])}


class Slow(tf.Module):
    """A loop of as many turns as requested; every turn can be cancelled."""

    @tf.function(input_signature=[_floats("x", None), tf.TensorSpec(None, tf.int64, name="turns")])
    def loop(self, x: tf.Tensor, turns: tf.Tensor) -> Mapping[str, tf.Tensor]:
        """The values as they are, after the largest of ``turns`` products of two 64 x 64 matrices (some 20 µs each)."""
        matrix = tf.linalg.eye(64)
        for _ in tf.range(tf.reduce_max(turns)):
            matrix = tf.linalg.matmul(matrix, matrix)
        return {"x": x * matrix[0, 0]}
