"""Which rows a wide model is asked about: unusual in several columns, and in one where several gave no number."""

from collections.abc import Mapping

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from serving.inference.unusual_rows import ask

pytestmark = pytest.mark.tensorflow

COLUMNS = [f"c{index:03}" for index in range(250)]


class WideModel:
    """Answers NaN where `c100` is missing, and 1 otherwise."""

    def __init__(self):
        signature = meta_graph_pb2.SignatureDef()
        signature.inputs["examples"].name = "examples:0"
        signature.inputs["examples"].dtype = tf.string.as_datatype_enum
        self.signatures: Mapping[str, meta_graph_pb2.SignatureDef] = {"serving_default": signature}

    def run(self, signature, inputs, **_):
        rows = [tf.train.Example.FromString(record).features.feature for record in inputs["examples"]]
        return {"probability": np.array([[1.0 if "c100" in row else np.nan] for row in rows], np.float32)}


def test_of_a_wide_table_a_row_is_unusual_in_several_columns_and_in_one_where_an_answer_is_no_number():
    row = {name: tf.train.Feature(float_list=tf.train.FloatList(value=[0.5])) for name in COLUMNS}
    record = tf.train.Example(features=tf.train.Features(feature=row)).SerializeToString()
    rows = ask(WideModel(), [record], columns=COLUMNS, signatures=["serving_default"])
    without = [row for row in rows if row.words.startswith("without")]
    groups = [row.columns for row in without]
    assert groups[-1] == tuple(COLUMNS)
    assert [name for group in groups[:-1] for name in group] == COLUMNS
    assert [group for group in groups if len(group) == 1] == [("c099",), ("c100",), ("c101",), ("c249",)]
    assert [row.words for row in without if not row.is_sound] == [
        "without 'c100'",
        "without any of 250 columns, 'c000' to 'c249'",
    ]
    extreme = [row for row in rows if row not in without]
    assert sorted({name for row in extreme for name in row.columns}) == COLUMNS
    assert len(extreme) == 2 * 84
    for row in extreme:
        changed = tf.train.Example.FromString(row.record).features.feature
        values = [changed[name].float_list.value[0] for name in row.columns]
        assert {abs(value) for value in values} == {float(np.finfo(np.float32).max)}
