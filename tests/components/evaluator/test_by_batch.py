"""Evaluation by batch against TFMA's own evaluator, which is the reference for every figure."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import tensorflow_model_analysis as tfma
from tensorflow_metadata.proto.v0 import schema_pb2

from components.evaluator.component import rows_at_once
from tests.components.evaluator.evaluations import SLICES, config, evaluate, metrics, plots, table

pytestmark = pytest.mark.tensorflow

_LIMITS = """
  per_slice_thresholds {
    slicing_specs {}
    threshold { value_threshold { lower_bound { value: 0.9999 } } }
  }
"""

_SPECS = {
    "binary": """
      metrics_specs { metrics { class_name: "ExampleCount" } example_weights { unweighted: true } }
      metrics_specs {
        metrics { class_name: "AUC" LIMITS }
        metrics { class_name: "AUCPrecisionRecall" }
        metrics { class_name: "BinaryAccuracy" LIMITS }
        metrics { class_name: "Precision" config: '{"thresholds": [0.3, 0.6]}' }
        metrics { class_name: "F1Score" }
        metrics { class_name: "PrecisionAtRecall" config: '{"recall": 0.8}' }
        metrics { class_name: "RecallAtPrecision" config: '{"precision": 0.5}' }
        metrics { class_name: "CalibrationError" module: "components.evaluator.calibration_error" }
        metrics { class_name: "Calibration" }
        metrics { class_name: "MeanPrediction" }
        metrics { class_name: "WeightedExampleCount" }
        metrics { class_name: "CalibrationPlot" }
        metrics { class_name: "BinaryCrossEntropy" }
        OWN(brier)
      }
    """,
    "multiclass": """
      metrics_specs { metrics { class_name: "ExampleCount" } example_weights { unweighted: true } }
      metrics_specs {
        metrics { class_name: "SparseCategoricalAccuracy" LIMITS }
        metrics { class_name: "SparseCategoricalCrossentropy" }
        metrics { class_name: "SparseTopKCategoricalAccuracy" config: '{"k": 2}' }
        OWN(brier)
        metrics { class_name: "MultiClassConfusionMatrixPlot" }
      }
      metrics_specs {
        metrics { class_name: "AUC" config: '{"name": "macro_auc"}' }
        metrics { class_name: "Recall" config: '{"name": "macro_recall"}' }
        aggregate {
          macro_average: true
          class_weights { key: 0 value: 1 } class_weights { key: 1 value: 1 }
          class_weights { key: 2 value: 1 } class_weights { key: 3 value: 1 }
        }
      }
      metrics_specs {
        metrics { class_name: "AUC" config: '{"name": "micro_auc"}' } aggregate { micro_average: true }
      }
      metrics_specs { metrics { class_name: "Precision" config: '{"name": "top_2", "top_k": 2}' } }
    """,
    "regression": """
      metrics_specs { metrics { class_name: "ExampleCount" } example_weights { unweighted: true } }
      metrics_specs {
        metrics { class_name: "MeanAbsoluteError" }
        metrics { class_name: "MeanSquaredError" }
        metrics { class_name: "MeanAbsolutePercentageError" }
        metrics { class_name: "RootMeanSquaredError" }
        OWN(pinball)
        metrics { class_name: "SquaredPearsonCorrelation" LIMITS }
      }
    """,
}


def _own(name: re.Match[str]) -> str:
    """A metric of the config's own."""
    options = {"name": f"own_{name[1]}", "function": json.dumps({"name": name[1]})}
    module = "components.evaluator.own_metric"
    return f"metrics {{ class_name: 'MeanOfFunction' module: '{module}' config: '{json.dumps(options)}' }}".replace(
        "\\", "\\\\"
    )


def refused(folder: Path) -> list[tuple[str, str]]:
    """Slices and metrics beyond their limits."""
    return [
        (str(found.slice_key), str(failure.metric_key))
        for found in tfma.load_validation_result(str(folder)).metric_validations_per_slice
        for failure in found.failures
    ]


@pytest.mark.parametrize(
    ("task", "compared"),
    [
        ("binary", True),
        pytest.param("multiclass", False, marks=pytest.mark.slow),
        pytest.param("regression", False, marks=pytest.mark.slow),
        *(pytest.param(task, task != "binary", marks=pytest.mark.slow) for task in _SPECS),
    ],
)
def test_every_figure_plot_and_verdict_is_tfmas(task: str, compared: bool, tmp_path: Path) -> None:
    slices = SLICES[:3] if task == "multiclass" else SLICES
    text = re.sub(r"OWN\((\w+)\)", _own, _SPECS[task])
    asked = config(text.replace("LIMITS", _LIMITS), compared=compared, slices=slices)
    batches = [table(rows, task, seed=rows) for rows in (80, 1, 119)]
    for name in ("ours", "tfma"):
        evaluate(asked, batches, tmp_path / name, by_batch=name == "ours")
    ours, theirs = metrics(tmp_path / "ours"), metrics(tmp_path / "tfma")
    assert len(theirs) > 40
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-6, nan_ok=True)
    assert plots(tmp_path / "ours") == plots(tmp_path / "tfma")
    assert refused(tmp_path / "ours") == refused(tmp_path / "tfma")
    assert refused(tmp_path / "ours")


def test_an_error_is_the_same_with_several_workers(tmp_path: Path) -> None:
    """TFMA 0.52 counts the first accumulator of a mean error twice when it merges several."""
    asked = config('metrics_specs { metrics { class_name: "MeanAbsoluteError" } }', slices=("",))
    batches = [table(50, "regression", seed=seed) for seed in range(8)]
    evaluate(asked, batches, tmp_path / "alone", by_batch=True)
    evaluate(
        asked,
        batches,
        tmp_path / "two",
        by_batch=True,
        options=["--direct_running_mode=multi_threading", "--direct_num_workers=2"],
    )
    assert metrics(tmp_path / "two") == pytest.approx(metrics(tmp_path / "alone"), rel=1e-12, nan_ok=True)


@pytest.mark.parametrize(
    ("specs", "why"),
    [
        ('metrics_specs { query_key: "user" metrics { class_name: "NDCG" } }', "query_key 'user' is not supported"),
        ('slicing_specs { slice_keys_sql: "SELECT 1" }', "SQL is not supported: SELECT 1"),
        (
            "options { compute_confidence_intervals { value: true } confidence_intervals { method: JACKKNIFE } }",
            "the only supported method is POISSON_BOOTSTRAP",
        ),
    ],
)
def test_what_it_cannot_compute_is_refused_by_name(specs: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=why):
        evaluate(config(specs, slices=()), [], tmp_path, by_batch=True)


@pytest.mark.parametrize(("columns", "rows"), [(0, 4096), (18, 4096), (1_000, 262), (300_000, 1)])
def test_a_model_of_many_columns_is_asked_about_fewer_rows_at_once(columns: int, rows: int) -> None:
    schema = schema_pb2.Schema()
    for index in range(columns):
        schema.feature.add(name=str(index))
    assert rows_at_once(schema) == rows
    assert rows_at_once(None) == 4096
