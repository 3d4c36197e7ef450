"""What boosted trees reach on the examples of a run, and the gate that compares."""

import json

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.gates.evaluation import ALL_EXAMPLES
from components.gates.findings import read_notices
from components.gates.reference_gate import ReferenceGate, compare
from components.reference.component import Reference, load, load_trivial
from components.refusal import GateRefused
from trainer.features.columns import Features
from trainer.labels.config import Label

pytestmark = pytest.mark.tensorflow


def _example(x: float, kind: bytes, weight: float, y: int) -> bytes:
    features = {
        "x": tf.train.Feature(float_list=tf.train.FloatList(value=[x])),
        "kind": tf.train.Feature(bytes_list=tf.train.BytesList(value=[kind] if kind else [])),
        "weight": tf.train.Feature(float_list=tf.train.FloatList(value=[weight])),
        "y": tf.train.Feature(int64_list=tf.train.Int64List(value=[y])),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> standard_artifacts.Examples:
    folder = tmp_path_factory.mktemp("examples")
    random = np.random.default_rng(0)
    for split, rows in (("train", 600), ("eval", 300)):
        (folder / f"Split-{split}").mkdir()
        path = str(folder / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz")
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            for _ in range(rows):
                x, kind = random.normal(), random.choice([b"a", b"b", b""])
                writer.write(_example(x, kind, 1.0, int(x + (kind == b"b") > 0)))
    artifact = standard_artifacts.Examples()
    artifact.uri = str(folder)
    return artifact


@pytest.mark.parametrize("features", [{"x": "number", "kind": "category"}, None])
def test_the_trees_learn_from_the_features_of_the_config_or_from_all(examples, tmp_path, features):
    reference = standard_artifacts.ModelEvaluation()
    reference.uri = str(tmp_path / "reference")
    Reference.test_call(
        examples=examples,
        reference=reference,
        label=Label(column="y").model_dump_json(),
        features=Features.model_validate(features).model_dump_json() if features else "",
        example_weight="weight",
        code="",
    )
    found = load(reference.uri)
    assert set(found) == {"auc", "accuracy"}
    assert found["auc"] > 0.98
    assert load_trivial(reference.uri)["auc"] == 0.5


@pytest.mark.parametrize(
    ("model", "reference", "ratio"),
    [
        ({"auc": 0.8, "accuracy": 0.5}, {"auc": 0.9, "accuracy": 0.9}, 2.0),
        ({"accuracy": 0.95}, {"accuracy": 0.9}, 0.5),
        ({"root_mean_squared_error": 6.0, "mean_absolute_error": 1.0}, {"root_mean_squared_error": 4.0}, 1.5),
        ({"accuracy": 1.0}, {"accuracy": 1.0}, 1.0),
    ],
)
def test_errors_are_compared(model, reference, ratio):
    assert compare(model, reference)[3] == pytest.approx(ratio)


def test_without_a_common_metric_nothing_is_compared():
    assert compare({"auc": 0.9}, {"accuracy": 0.9}) is None


@pytest.mark.parametrize(("theirs", "refused"), [(0.85, False), (0.95, True)])
def test_a_model_that_is_much_worse_is_refused_with_both_figures(tmp_path, monkeypatch, theirs, refused):
    (tmp_path / "reference.json").write_text(json.dumps({"reached": {"auc": theirs}, "trivial": {}}))
    artifact = standard_artifacts.ModelEvaluation()
    artifact.uri = str(tmp_path)
    # TFMA's files are those of tests/components/gates/evaluation.
    table = {ALL_EXAMPLES: {"auc": 0.8}}
    monkeypatch.setattr("components.gates.reference_gate.metrics_by_slice", lambda uri, model: table)
    notices = standard_artifacts.ModelEvaluation()
    notices.uri = str(tmp_path / "notices")
    given = {"evaluation": artifact, "reference": artifact, "notices": notices, "refuse": 0.5}
    if not refused:
        ReferenceGate.test_call(**given)
        assert read_notices(notices.uri) == ()
        return
    with pytest.raises(GateRefused, match=r"auc is 0.8, and that of boosted trees .* 0.95: the error is 4.00 times"):
        ReferenceGate.test_call(**given)
    ReferenceGate.test_call(**given, bless_anyway="trees cannot be served")
    [notice] = read_notices(notices.uri)
    assert notice.startswith(
        "not refused, since --bless-anyway says 'trees cannot be served': auc is 0.8, and that of "
    )
