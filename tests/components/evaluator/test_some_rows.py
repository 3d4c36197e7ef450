"""The rows that the Evaluator keeps for the report: the same ones on any number of workers, with both predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import tensorflow_model_analysis as tfma

from components.gates.model import scored_rows
from components.gates.model.scored_rows import ScoredRows
from tests.components.evaluator.evaluations import BASELINE, CANDIDATE, config, evaluate, table

pytestmark = pytest.mark.tensorflow

_SPECS = 'metrics_specs { metrics { class_name: "ExampleCount" } }'
_TWO_WORKERS = ["--direct_running_mode=multi_threading", "--direct_num_workers=2"]


def with_records(rows: int, *, seed: int) -> pa.RecordBatch:
    """A table whose records are texts of ten bytes."""
    batch = table(rows, "binary", seed=seed)
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns[tfma.constants.ARROW_INPUT_COLUMN] = pa.array([[f"{seed:04}-{row:05}".encode()] for row in range(rows)])
    return pa.RecordBatch.from_pydict(columns)


def test_the_same_rows_are_kept_on_any_number_of_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scored_rows, "_MOST_ROWS", 30)
    monkeypatch.setattr(scored_rows, "_MOST_BYTES", 205)
    batches = [with_records(40, seed=seed) for seed in (1, 2, 3, 4, 5)]
    asked = config(_SPECS, compared=True, slices=("",))
    evaluate(asked, batches, tmp_path / "one", by_batch=True)
    evaluate(asked, batches[::-1], tmp_path / "two", by_batch=True, options=_TWO_WORKERS)
    found, again = (ScoredRows.load(str(tmp_path / name)) for name in ("one", "two"))
    assert found is not None
    assert again is not None
    assert found.hashes.tolist() == again.hashes.tolist() == sorted(found.hashes.tolist())
    assert len(found) == 30
    assert found.records == again.records
    assert sum(record is not None for record in found.records) == 20
    given = {
        record[0]: (label[0], weight[0], candidate, baseline)
        for batch in batches
        for record, label, weight, candidate, baseline in zip(
            *(batch.column(name).to_pylist() for name in (tfma.constants.ARROW_INPUT_COLUMN, "label", "weight")),
            *(batch.column(name).to_pylist() for name in (CANDIDATE, BASELINE)),
            strict=True,
        )
    }
    for row in range(20):
        label, weight, candidate, baseline = given[found.records[row]]
        assert (found.labels[row], found.weights[row]) == pytest.approx((label, weight))
        np.testing.assert_allclose(found.predictions["candidate"][row], candidate)
        np.testing.assert_allclose(again.predictions["baseline"][row], baseline)
