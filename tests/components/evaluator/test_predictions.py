"""What the Evaluator records of all predictions, in one process and merged over several workers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma

from components.gates.model.predictions import AllPredictions
from tests.components.evaluator.evaluations import BASELINE, CANDIDATE, config, evaluate, table

pytestmark = pytest.mark.tensorflow

_SPECS = 'metrics_specs { metrics { class_name: "ExampleCount" } }'
_TWO_WORKERS = ["--direct_running_mode=multi_threading", "--direct_num_workers=2"]


def planted(rows: int, task: str, *, seed: int, faults: dict[int, list[float]]) -> pa.RecordBatch:
    """A table in which some rows have other predictions, and whose records are examples with one column, ``n``."""
    batch = table(rows, task, seed=seed)
    predictions = batch.column(CANDIDATE).to_pylist()
    for row, prediction in faults.items():
        predictions[row] = prediction
    records = [_record(seed * 1000 + row) for row in range(rows)]
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns[CANDIDATE] = pa.array(predictions, pa.list_(pa.float32()))
    columns[tfma.constants.ARROW_INPUT_COLUMN] = pa.array([[record] for record in records])
    return pa.RecordBatch.from_pydict(columns)


def _record(number: int) -> bytes:
    example = tf.train.Example()
    example.features.feature["n"].int64_list.value.append(number)
    example.features.feature["fare"].float_list.SetInParent()
    return example.SerializeToString(deterministic=True)


def test_faults_are_counted_and_shown_the_same_on_any_number_of_workers(tmp_path: Path) -> None:
    nan, infinite, high = [float("nan")], [float("inf")], [1.5]
    batches = [
        planted(40, "binary", seed=1, faults={7: nan, 9: high}),
        planted(40, "binary", seed=2, faults={0: infinite, 1: nan, 39: [-0.25]}),
        planted(40, "binary", seed=3, faults={}),
    ]
    asked = config(_SPECS, compared=True, slices=("",))
    evaluate(asked, batches, tmp_path / "one", by_batch=True)
    evaluate(asked, batches[::-1], tmp_path / "two", by_batch=True, options=_TWO_WORKERS)
    found = AllPredictions.load(str(tmp_path / "one"))
    again = AllPredictions.load(str(tmp_path / "two"))
    assert found is not None
    assert again is not None
    assert again.models == found.models
    candidate = found.candidate
    assert candidate.rows == 120
    assert candidate.not_finite.rows == 3
    # The row whose bytes are the smallest; what it lacks comes first.
    assert candidate.not_finite.example.startswith("inf for the row with no color, no fare, ")
    assert candidate.not_finite.example.endswith(", n 2000")
    assert candidate.outside.rows == 2
    assert candidate.outside.example.startswith("1.5 for the row with ")
    assert candidate.outside.example.endswith(", n 1009")
    assert (candidate.low, candidate.high) == ((-0.25,), (1.5,))
    assert found.baseline is not None
    assert found.baseline.not_finite.rows == found.baseline.outside.rows == 0
    # Rows that are not finite count for no distance.
    values = {name: np.concatenate([np.array(batch.column(name).to_pylist())[:, 0] for batch in batches])
              for name in (CANDIDATE, BASELINE)}  # fmt: skip
    distances = np.abs(values[CANDIDATE] - values[BASELINE])
    assert found.distance.rows == 117
    assert found.distance.mean == pytest.approx(distances[np.isfinite(distances)].mean())
    spread = values[BASELINE][np.isfinite(distances)].std()
    assert found.distance.spread == pytest.approx(spread, rel=1e-6)
    assert again.distance.mean == pytest.approx(found.distance.mean)


def test_probabilities_of_classes_add_up_and_a_constant_answer_is_known(tmp_path: Path) -> None:
    same = dict.fromkeys(range(30), [0.25, 0.25, 0.25, 0.25])
    asked = config(_SPECS, slices=("",))
    evaluate(asked, [planted(30, "multiclass", seed=1, faults=same)], tmp_path / "same", by_batch=True)
    found = AllPredictions.load(str(tmp_path / "same"))
    assert found is not None
    assert found.candidate.constant
    assert found.candidate.not_one.rows == 0
    batches = [planted(30, "multiclass", seed=1, faults={4: [0.5, 0.5, 0.5, 0.5]})]
    evaluate(asked, batches, tmp_path / "sum", by_batch=True)
    found = AllPredictions.load(str(tmp_path / "sum"))
    assert found is not None
    assert not found.candidate.constant
    assert found.candidate.not_one.rows == 1
    assert found.candidate.not_one.example.startswith("[0.5, 0.5, 0.5, ...] for the row with ")


def test_a_single_row_is_not_constant() -> None:
    model = AllPredictions.model_validate({"models": {"": {"rows": 1, "low": [0.5], "high": [0.5]}}})
    assert not model.candidate.constant
