"""Looks at all predictions of an evaluation, batch by batch, and merges what it saw over workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from apache_beam.pvalue import PValue
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.proto import config_pb2

from components.evaluator.row_in_words import numbers_in_words, row_in_words
from components.evaluator.rows import by_model, is_finite, matrix, predictions_of
from components.gates.model.predictions import AllPredictions, BadPredictions, PredictionDistance, Predictions

# In the evaluation that is handed to TFMA's writers.
KEY = "predictions"
# float32 adds up 1,000 classes to 1 within this.
_SUM = 1e-3
_RANGE = 1e-6


class SummarizePredictions(beam.CombineFn):
    """TFMA's batches in, `AllPredictions` out.

    Args:
        config: names the models and their outputs.
    """

    def __init__(self, config: config_pb2.EvalConfig):
        self._config = config

    def create_accumulator(self) -> AllPredictions:
        """See Beam."""
        return AllPredictions()

    def add_input(self, accumulator: AllPredictions, extracts: Mapping[str, Any]) -> AllPredictions:
        """See Beam."""
        predictions = {
            name: matrix(values) for name, values in by_model(predictions_of(extracts, self._config)).items()
        }
        return accumulator + AllPredictions(
            models={name: _summary(values, extracts) for name, values in predictions.items()},
            distance=_distance(predictions),
        )

    def merge_accumulators(self, accumulators: Iterable[AllPredictions]) -> AllPredictions:
        """See Beam."""
        return sum(accumulators, AllPredictions())

    def extract_output(self, accumulator: AllPredictions) -> AllPredictions:
        """See Beam."""
        return accumulator


class WritePredictions(beam.PTransform):
    """Writes what `SummarizePredictions` found; one of TFMA's writers.

    Args:
        evaluation_uri: folder of the evaluation.
    """

    def __init__(self, evaluation_uri: str):
        super().__init__()
        self._uri = evaluation_uri

    def expand(self, input_or_inputs: Mapping[str, PValue]) -> PValue:
        """See Beam."""
        return input_or_inputs[KEY] | "WritePredictions" >> beam.Map(AllPredictions.save, self._uri)


def _summary(values: np.ndarray, extracts: Mapping[str, Any]) -> Predictions:
    finite = is_finite(values)
    outside = finite & ((values < -_RANGE) | (values > 1 + _RANGE)).any(axis=1)
    not_one = finite & (np.abs(values.sum(axis=1) - 1) > _SUM) & (values.shape[1] > 1)
    sound = values[finite]
    return Predictions(
        rows=len(values),
        not_finite=_fault(~finite, values, extracts),
        outside=_fault(outside, values, extracts),
        not_one=_fault(not_one, values, extracts),
        low=tuple(sound.min(axis=0).tolist()) if len(sound) else (),
        high=tuple(sound.max(axis=0).tolist()) if len(sound) else (),
    )


def _distance(predictions: Mapping[str, np.ndarray]) -> PredictionDistance:
    baseline = predictions.get(tfma.BASELINE_KEY)
    candidate = predictions.get(tfma.CANDIDATE_KEY)
    if baseline is None or candidate is None or baseline.shape != candidate.shape:
        return PredictionDistance()
    both = is_finite(baseline) & is_finite(candidate)
    baseline, candidate = baseline[both], candidate[both]
    share = 1.0 if baseline.shape[1] == 1 else 0.5
    return PredictionDistance(
        rows=len(baseline),
        total=share * float(np.abs(baseline - candidate).sum()),
        values=float(baseline.sum()),
        squares=float((baseline**2).sum()),
    )


def _fault(wrong: np.ndarray, values: np.ndarray, extracts: Mapping[str, Any]) -> BadPredictions:
    if not wrong.any():
        return BadPredictions()
    records = extracts[constants.INPUT_KEY]
    record, first = min((bytes(records[index]), index) for index in np.flatnonzero(wrong).tolist())
    columns = extracts.get(constants.FEATURES_KEY) or {}
    example = f"{numbers_in_words(values[first])} for the row with {row_in_words(record, columns)}"
    return BadPredictions(rows=int(wrong.sum()), example=example, record=record)
