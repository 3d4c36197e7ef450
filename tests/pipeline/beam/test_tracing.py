"""Traces of a preprocessing_fn that are left out, and made-up inputs that columns share: the results are TFT's."""

import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.impl_helper as impl_helper
import tensorflow_transform.tf2_utils as tf2_utils
from tensorflow_transform.beam import analysis_graph_builder
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader

from pipeline.beam.tracing import lean_tracing

pytestmark = pytest.mark.tensorflow

SPECS = {
    "a": tf.TensorSpec([None, 1], tf.float32),
    "b": tf.SparseTensorSpec([None, None], tf.int64),
    "c": tf.SparseTensorSpec([None, None], tf.int64),
    "unread": tf.SparseTensorSpec([None, None], tf.string),
    "unused": tf.TensorSpec([None, 1], tf.float32),
}


def test_the_columns_that_a_function_reads_are_those_that_tft_finds_in_one_trace_for_three_questions():
    def traced(inputs):
        calls.append(sorted(inputs))
        return {"a": inputs["a"] - tft.mean(inputs["a"]), "b": inputs["b"]}

    def other(inputs):
        return {"c": inputs["c"]}

    calls = []
    expected = tft.get_analyze_input_columns(traced, SPECS), tft.get_transform_input_columns(traced, SPECS)
    assert expected == (["a"], ["a", "b"])
    calls.clear()
    with lean_tracing():
        for _ in range(2):
            assert tft.get_analyze_input_columns(traced, SPECS, force_tf_compat_v1=False) == expected[0]
        assert tft.get_transform_input_columns(traced, SPECS, force_tf_compat_v1=False) == expected[1]
        assert calls == [sorted(SPECS)]
        assert tft.get_transform_input_columns(other, SPECS) == ["c"]
        assert not analysis_graph_builder.get_analysis_cache_entry_keys(traced, SPECS, [], False)
    assert calls == [sorted(SPECS)]


def test_made_up_inputs_are_tft_s_and_each_column_has_a_tensor_of_its_own():
    with tf.Graph().as_default() as graph:
        columns = {
            "a": tf.compat.v1.placeholder(tf.float32, [None, 1]),
            "b": tf.compat.v1.placeholder(tf.float32, [None, 1]),
            "c": tf.compat.v1.placeholder(tf.string, [None, 3]),
            "d": tf.compat.v1.sparse_placeholder(tf.int64, [None, None]),
            "e": tf.compat.v1.sparse_placeholder(tf.int64, [None, None]),
            "f": tf.compat.v1.ragged.placeholder(tf.string, 1, []),
        }
        wanted = tf2_utils.supply_missing_inputs(columns, 2)
        before = len(graph.get_operations())
        with lean_tracing():
            found = tf2_utils.supply_missing_inputs(columns, 2)
            one = tf2_utils.supply_missing_inputs(columns, 2, ["e"])
        assert len(graph.get_operations()) - before < before
        assert list(found) == list(wanted)
        assert list(one) == ["e"]
        assert [tf.type_spec_from_value(found[name]) for name in columns] == [
            tf.type_spec_from_value(wanted[name]) for name in columns
        ]
        # By which TFT finds the outputs that are inputs.
        values = [tf.nest.flatten(found[name], expand_composites=True) for name in columns]
        assert len({tensors[1 if len(tensors) > 2 else 0].name for tensors in values}) == len(columns)
        with tf.compat.v1.Session() as session:
            assert repr(session.run(found)) == repr(session.run(wanted))


def test_a_transform_graph_answers_the_same_when_it_is_called_as_it_is_and_a_column_is_not_fed(tmp_path):
    def doubled(inputs):
        inputs["a"] *= 2
        return {"a": inputs["a"], "b": inputs["b"], "words": tf.strings.as_string(inputs["c"].values)}

    rows = {
        "a": tf.constant([[1.0], [2.0]]),
        "b": tf.SparseTensor([[1, 0]], tf.constant([7], tf.int64), [2, 1]),
        "c": tf.SparseTensor([[0, 0], [0, 1]], tf.constant([8, 9], tf.int64), [2, 2]),
    }

    def answers(folder):
        impl_helper.analyze_in_place(doubled, False, None, SPECS, folder)
        loader = SavedModelLoader(str(tmp_path / folder / "transform_fn"))
        loader.finalize(rows.keys(), ["a", "b", "words"])
        found = loader.apply_transform_model(rows)
        parts = {name: tf.nest.flatten(found[name], expand_composites=True) for name in sorted(found)}
        return {name: [tensor.numpy().tolist() for tensor in tensors] for name, tensors in parts.items()}

    wanted = answers(str(tmp_path / "tft"))
    with lean_tracing():
        assert answers(str(tmp_path / "lean")) == wanted
    assert wanted["b"] == [[[1, 0]], [7], [2, 1]]
