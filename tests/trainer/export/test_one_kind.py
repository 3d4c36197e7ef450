"""Tables whose features are all of one kind: what the network gets is then of one form alone."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.export.made import made, rows_of_every_kind
from trainer.parameters import Parameters

pytestmark = pytest.mark.tensorflow

_ALONE = {
    "category": {"kind": "category"},
    "number": {"size": "number"},
    "bins": {"size": {"kind": "number", "bins": 4}},
    "buckets": {"count": {"kind": "number", "buckets": 3}},
    "codes": {"hour": {"kind": "category", "codes": 24}},
    "hash": {"kind": {"kind": "category", "hash": 20}},
    "cross": {"kind x hour": {"kind": "cross", "columns": ["kind", "hour"], "hash": 50}},
    "date": {"Day / of": "date"},
    "text": {"note": {"kind": "text", "hash": 30, "max_words": 5}},
    "list": {"tags": {"kind": "list", "max_values": 3}},
    "vector": {"vector": {"kind": "vector", "length": 2}},
}
_TYPES = {"size": tf.float32, "count": tf.int64, "hour": tf.int64, "vector": tf.float32}


@pytest.mark.slow
@pytest.mark.parametrize("network", ["tabm", "dnn", "wide_and_deep"])
@pytest.mark.parametrize("case", _ALONE)
def test_a_table_of_one_kind_is_answered_as_the_trained_model_does(tmp_path, case, network):
    features = _ALONE[case]
    parameters = Parameters(
        label={"column": "animal", "task": "multiclass", "classes": ["ant", "bee", "cow"]},
        features=features,
        model={"name": network},
    )
    columns = features["kind x hour"]["columns"] if case == "cross" else list(features)
    rows = [{name: row[name] for name in ("animal", *columns) if name in row} for row in rows_of_every_kind()]
    spec = {name: tf.io.VarLenFeature(_TYPES.get(name, tf.string)) for name in columns}
    model = made(rows, {"animal": tf.io.FixedLenFeature([1], tf.string), **spec}, parameters, tmp_path)
    expected = model.expected()
    answers = model.ask("serving_default", examples=model.records()), model.ask("columnar", **model.columns())
    for answer in answers:
        np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    assert len(np.unique(expected.round(5), axis=0)) > 1
