"""Which columns an analyzer reads, as TFT finds them."""

import pytest
import tensorflow as tf
from tensorflow_transform import graph_tools

from pipeline.beam.source_columns import quick_source_columns, source_columns

pytestmark = pytest.mark.tensorflow


def test_the_columns_are_those_that_tft_finds():
    with tf.Graph().as_default():
        columns = {f"dense {index}": tf.compat.v1.placeholder(tf.float32, [None, 1]) for index in range(3)}
        columns["sparse"] = tf.compat.v1.sparse_placeholder(tf.int64, [None, None])
        words = tf.strings.as_string(columns["sparse"].values)
        both = tf.concat([columns["dense 0"], columns["dense 2"]], axis=1)
        cases = {("sparse",): [words], ("dense 0", "dense 2"): [both], (): [tf.constant(1.0)]}
        cases["dense 1", "dense 0", "dense 2", "sparse"] = [tf.math.reduce_sum(columns["dense 1"]), both, words]
        original = graph_tools._retrieve_source_keys
        for expected, tensors in cases.items():
            assert original(tensors, columns) == source_columns(tensors, columns) == set(expected)
        with quick_source_columns():
            assert graph_tools._retrieve_source_keys is source_columns
        assert graph_tools._retrieve_source_keys is original
