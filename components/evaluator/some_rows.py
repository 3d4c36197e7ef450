"""Keeps some rows of an evaluation with the predictions of both models, the same ones on any number of workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.pvalue import PValue
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.proto import config_pb2

from components.evaluator.rows import by_model, from_extracts, matrix
from components.gates.model.scored_rows import ScoredRows

# In the evaluation that is handed to TFMA's writers.
KEY = "some_rows"
# Parts that are merged at once.
_PARTS = 4


class KeepRows(beam.CombineFn):
    """TFMA's batches in, `ScoredRows` out; None without rows.

    Args:
        config: names the models and their outputs.
    """

    def __init__(self, config: config_pb2.EvalConfig):
        self._config = config

    def create_accumulator(self) -> list[ScoredRows]:
        """See Beam."""
        return []

    def add_input(self, accumulator: list[ScoredRows], extracts: Mapping[str, Any]) -> list[ScoredRows]:
        """See Beam."""
        return _few([*accumulator, _scored(extracts, self._config)])

    def merge_accumulators(self, accumulators: Iterable[list[ScoredRows]]) -> list[ScoredRows]:
        """See Beam."""
        merged: list[ScoredRows] = []
        for accumulator in accumulators:
            merged = _few([*merged, *accumulator])
        return merged

    def extract_output(self, accumulator: list[ScoredRows]) -> ScoredRows | None:
        """See Beam."""
        return ScoredRows.kept(accumulator) if accumulator else None


class WriteRows(beam.PTransform):
    """Writes what `KeepRows` kept; one of TFMA's writers.

    Args:
        evaluation_uri: folder of the evaluation.
    """

    def __init__(self, evaluation_uri: str):
        super().__init__()
        self._uri = evaluation_uri

    def expand(self, input_or_inputs: Mapping[str, PValue]) -> PValue:
        """See Beam."""
        return (
            input_or_inputs[KEY]
            | "SomeRows" >> beam.Filter(lambda kept: kept is not None)
            | "WriteRows" >> beam.Map(ScoredRows.save, self._uri)
        )


def _few(parts: list[ScoredRows]) -> list[ScoredRows]:
    return parts if len(parts) < _PARTS else [ScoredRows.kept(parts)]


def _scored(extracts: Mapping[str, Any], config: config_pb2.EvalConfig) -> ScoredRows:
    rows = from_extracts(extracts, config, combinations=np.empty((0, 0)), hashed=True)
    assert rows.hashes is not None
    models = list(by_model(rows.predictions))
    weighted = rows.weights is not None
    return ScoredRows(
        hashes=rows.hashes,
        labels=matrix(by_model(rows.labels)[next(iter(by_model(rows.labels)))])[:, 0],
        weights=rows.weights_of(models[0], weighted=weighted)[:, 0],
        predictions={model: rows.of_model(model)[1].astype(np.float32) for model in models},
        records=tuple(map(bytes, extracts[constants.INPUT_KEY])),
    )
