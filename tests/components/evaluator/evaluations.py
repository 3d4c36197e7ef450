"""Evaluations of made-up predictions, by batch and by TFMA's own evaluator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from apache_beam.options.pipeline_options import PipelineOptions
from google.protobuf import text_format
from tensorflow_model_analysis.proto import config_pb2

from components.evaluator.by_batch import batch_evaluator, predictions_writer, rows_writer

LABEL, CANDIDATE, BASELINE, WEIGHT = "label", "prediction", "prediction of the baseline", "weight"
CLASSES = 4

SLICES = (
    "",
    "feature_keys: 'color'",
    "feature_keys: 'tags'",
    "feature_keys: 'color' feature_keys: 'hour'",
    "feature_keys: 'tags' feature_values {key: 'color' value: 'r'}",
)

_FLOATS = pa.list_(pa.float32())


def table(rows: int, task: str, *, seed: int) -> pa.RecordBatch:
    """Predictions with an error, weights 1 to 3, and columns to slice by: values missing, one, or several."""
    random = np.random.default_rng(seed)
    if task == "binary":
        labels = (random.random(rows) < 0.4).astype(float)
        candidate = np.clip(random.beta(2, 3, rows) + 0.2 * labels, 0.01, 0.99)[:, None]
        baseline = random.random((rows, 1))
    elif task == "multiclass":
        labels = random.integers(0, CLASSES, rows).astype(float)
        candidate = random.dirichlet(np.ones(CLASSES), rows)
        baseline = random.dirichlet(np.ones(CLASSES), rows)
    else:
        labels = random.normal(0, 10, rows)
        candidate = (labels + random.normal(0, 1, rows))[:, None]
        baseline = (labels + random.normal(0, 3, rows))[:, None]
    colors = random.integers(0, 4, rows)
    return pa.RecordBatch.from_pydict(
        {
            LABEL: pa.array([[value] for value in labels], _FLOATS),
            CANDIDATE: pa.array(candidate.tolist(), _FLOATS),
            BASELINE: pa.array(baseline.tolist(), _FLOATS),
            WEIGHT: pa.array([[value] for value in random.integers(1, 4, rows)], _FLOATS),
            "color": pa.array([None if code == 3 else [b"rgb"[code : code + 1]] for code in colors]),
            "hour": pa.array([[hour] for hour in random.integers(0, 3, rows)]),
            "tags": pa.array([random.integers(0, 3, size).tolist() for size in random.integers(0, 4, rows)]),
            tfma.constants.ARROW_INPUT_COLUMN: pa.array([[random.bytes(12)] for _ in range(rows)]),
        }
    )


def config(
    specs: str, *, compared: bool = False, slices: Sequence[str] = SLICES, weighted: bool = True
) -> config_pb2.EvalConfig:
    """TFMA's config.

    Args:
        specs: its metrics specs and options as text.
        compared: whether there is a baseline.
        slices: its slicing specs as text.
        weighted: whether examples have weights.
    """
    made = text_format.Parse(specs, config_pb2.EvalConfig())
    for name, column in (("candidate", CANDIDATE), ("baseline", BASELINE)) if compared else (("", CANDIDATE),):
        made.model_specs.add(
            name=name,
            is_baseline=name == "baseline",
            label_key=LABEL,
            prediction_key=column,
            example_weight_key=WEIGHT if weighted else "",
        )
    for text in slices:
        made.slicing_specs.append(text_format.Parse(text, config_pb2.SlicingSpec()))
    return tfma.utils.update_eval_config_with_defaults(made, has_baseline=compared)


def evaluate(
    config: config_pb2.EvalConfig,
    batches: Sequence[pa.RecordBatch],
    folder: Path,
    *,
    by_batch: bool,
    options: Sequence[str] = (),
) -> None:
    """Write TFMA's files.

    Args:
        config: what to compute.
        batches: all rows; they are spread over the workers.
        folder: where the files go.
        by_batch: whether our evaluator computes, or TFMA's.
        options: of Beam.
    """
    extractors = tfma.default_extractors(eval_config=config)
    evaluators = writers = None
    if by_batch:
        extractors = extractors[:-2]
        evaluators = [batch_evaluator(config, run_after=extractors[-1].stage_name, schema=None)]
        writers = [
            *tfma.default_writers(str(folder), eval_config=config),
            predictions_writer(str(folder)),
            rows_writer(str(folder)),
        ]
    with beam.Pipeline(runner="FnApiRunner", options=PipelineOptions(list(options))) as pipeline:
        _ = (
            pipeline
            | beam.Create(batches)
            | beam.Reshuffle()
            | tfma.ExtractEvaluateAndWriteResults(
                eval_config=config,
                extractors=extractors,
                evaluators=evaluators,
                writers=writers,
                output_path=str(folder),
            )
        )


def metrics(folder: Path) -> dict[tuple[str, str], float]:
    """Every figure by slice and metric."""
    return {
        (str(record.slice_key), str(entry.key)): entry.value.double_value.value
        for record in tfma.load_metrics(str(folder))
        for entry in record.metric_keys_and_values
    }


def plots(folder: Path) -> dict[tuple[str, str], Any]:
    """Every plot by slice and key."""
    return {
        (str(record.slice_key), str(entry.key)): entry.value
        for record in tfma.load_plots(str(folder))
        for entry in record.plot_keys_and_values
    }
