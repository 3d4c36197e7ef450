"""The trained model's own answers, and how an export's are compared with them."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.gates.trained_model import TrainedModel, compare
from serving.inference.probe import probing
from tests.components.gates.infra.validation import TASKS, rows_of
from tests.shared import stand_ins
from tests.shared.models import exports
from tests.shared.models.small_model import serialize
from trainer.parameters import KERAS_MODEL, Parameters

pytestmark = pytest.mark.tensorflow


@pytest.mark.parametrize("task", TASKS)
def test_every_output_of_every_signature_is_looked_at(graphs, tmp_path, task):
    stand_ins.write_model(tmp_path, stand_ins.LABELS[task])
    trained = TrainedModel(
        label=stand_ins.LABELS[task], keras_model=str(tmp_path / KERAS_MODEL), transform_graph=graphs[task].uri
    )
    expected = trained.answers([serialize(row) for row in rows_of(task)])
    assert compare(expected, expected, tolerance=1e-4) is None
    for signature, outputs in expected.items():
        for name, array in outputs.items():
            other = array[::-1] + 1 if array.dtype.kind != "O" else array[:, ::-1]
            wrong = {**expected, signature: {**outputs, name: other}}
            assert compare(wrong, expected, tolerance=1e-4).startswith(f"{name} of signature {signature} ")


@pytest.mark.slow
def test_pictures_and_custom_layers_are_validated_in_a_process_that_knows_neither(tmp_path):
    parameters = Parameters(
        label={"column": "y", "task": "multiclass", "classes": 2},
        features={"pixels": {"kind": "image", "height": 8, "width": 8, "scale": 16.0}},
        model={"name": "lenet", "filters": [2], "hidden_units": [4]},
    )
    spec = {"pixels": tf.io.FixedLenFeature([64], tf.float32), "y": tf.io.FixedLenFeature([1], tf.int64)}
    rows = [{"pixels": [float(index * pixel % 17) for pixel in range(64)], "y": index % 2} for index in range(8)]
    exports.make(rows, spec, parameters, tmp_path, steps=2)
    records = [serialize(row) for row in rows]
    (tmp_path / "records").write_bytes(pickle.dumps(records))
    # This process has built the network, so its layers are registered here; a pipeline that took the training from
    # the cache has not.
    script = f"""
import pickle, pathlib
from components.gates.trained_model import TrainedModel
from trainer.parameters import Label
folder = pathlib.Path({str(tmp_path)!r})
trained = TrainedModel(
    label=Label.model_validate_json({parameters.label.model_dump_json()!r}),
    keras_model=str(folder / "model.keras"),
    transform_graph=str(folder / "transform"),
)
answers = trained.answers(pickle.loads((folder / "records").read_bytes()))
(folder / "answers").write_bytes(pickle.dumps(answers))
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path.cwd(), timeout=120)
    expected = pickle.loads((tmp_path / "answers").read_bytes())
    assert expected["columnar"]["probabilities"].shape == (8, 2)
    with probing(str(tmp_path / "saved_model"), records, timeout_seconds=60) as probed:
        assert compare(probed().answers, expected, tolerance=1e-4) is None


def answers_with(**outputs):
    probability = {"probability": np.array([[0.5]])}
    answers = {"serving_default": probability, "columnar": probability, "transform_features": {"x": np.array([[1]])}}
    return {**answers, "serving_default": outputs}


def test_differences_name_signature_and_output():
    probability = {"probability": np.array([[0.51]])}
    features = {"x": np.array([[1]])}
    expected = {"serving_default": probability, "columnar": probability, "transform_features": features}
    good = answers_with(probability=np.array([[0.515]]))
    assert compare(good, expected, tolerance=0.1) is None
    assert compare({**good, "of_their_own": {}}, expected, tolerance=0.1) is None
    assert "probability of signature columnar differs" in compare(good, expected, tolerance=0.008)
    wrong = answers_with(score=np.array([[0.5]]))
    assert "returns ['score'], not ['probability']" in compare(wrong, expected, tolerance=1)
    assert "differs" in compare(answers_with(probability=np.array([[np.nan]])), expected, tolerance=1)
    assert "has shape (1,)" in compare(answers_with(probability=np.array([0.5])), expected, tolerance=1)
    assert "is of type int64" in compare(answers_with(probability=np.array([[1]])), expected, tolerance=1)


def test_an_id_is_right_or_wrong_and_a_large_number_right_to_so_many_digits():
    def difference(now, wanted):
        return compare({"s": {"x": np.array([[now]])}}, {"s": {"x": np.array([[wanted]])}}, tolerance=1e-4)

    assert difference(100_001, 100_000) == "x of signature s is 100001, the trained model's is 100000"
    assert difference(1_000_001.0, 1_000_000.0) is None
    assert (
        difference(1_000_200.0, 1_000_000.0)
        == "x of signature s differs from the trained model by 0.0002, more than the tolerance 0.0001"
    )
    assert difference(0.0002, 0.0) is not None
