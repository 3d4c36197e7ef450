"""What all predictions of an evaluation are, beside its metrics: NaN, out of range, constant, far from the baseline's.

Metrics hide single rows: one NaN among thousands, or a model that answers the same whatever it is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from pydantic import BaseModel, ConfigDict, Field
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.proto import config_pb2
from tfx.dsl.io import fileio

from components.evaluator.row_in_words import numbers_in_words, row_in_words
from components.evaluator.rows import by_model, is_finite, matrix, predictions_of

_FILE = "predictions.json"
# In the evaluation that is handed to TFMA's writers.
KEY = "predictions"
# float32 adds up 1,000 classes to 1 within this.
_SUM = 1e-3
_RANGE = 1e-6


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Fault(_Frozen):
    """Rows whose prediction is wrong in one way.

    Attributes:
        rows: how many.
        example: one of them in words; empty without any.
        record: that row serialized, the smallest of all, so that it is the same however rows are spread over workers.
    """

    rows: int = 0
    example: str = ""
    record: bytes = Field(default=b"", exclude=True)

    def __add__(self, other: Fault) -> Fault:
        found = [each for each in (self, other) if each.rows]
        if len(found) < 2:
            return found[0] if found else self
        first = min(found, key=lambda each: each.record)
        return Fault(rows=self.rows + other.rows, example=first.example, record=first.record)


class Predictions(_Frozen):
    """All predictions of one model.

    Attributes:
        rows: their number.
        not_finite: NaN or infinite ones.
        outside: finite ones with a value below 0 or above 1, which no probability is.
        not_one: several finite values that do not add up to 1, as the probabilities of classes do.
        low: of each output the smallest finite value.
        high: of each output the largest.
    """

    rows: int = 0
    not_finite: Fault = Fault()
    outside: Fault = Fault()
    not_one: Fault = Fault()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    @property
    def constant(self) -> bool:
        """Whether several rows have all the same prediction."""
        return self.rows > 1 and self.low == self.high != () and not self.not_finite.rows

    def __add__(self, other: Predictions) -> Predictions:
        return Predictions(
            rows=self.rows + other.rows,
            not_finite=self.not_finite + other.not_finite,
            outside=self.outside + other.outside,
            not_one=self.not_one + other.not_one,
            low=_each(min, self.low, other.low),
            high=_each(max, self.high, other.high),
        )


class Distance(_Frozen):
    """How far two models' predictions of the same rows lie apart.

    Attributes:
        rows: rows for which both predictions are finite.
        total: sum over the rows of the absolute difference, or of half of it where a row has several probabilities,
            so that it is 1 at most.
        values: sum of the baseline's predictions.
        squares: sum of their squares.
    """

    rows: int = 0
    total: float = 0.0
    values: float = 0.0
    squares: float = 0.0

    @property
    def mean(self) -> float:
        """The mean distance of a row; NaN without rows."""
        return self.total / self.rows if self.rows else float("nan")

    @property
    def spread(self) -> float:
        """The standard deviation of the baseline's predictions, by which distances of a regression are judged."""
        return max(self.squares / self.rows - (self.values / self.rows) ** 2, 0.0) ** 0.5 if self.rows else 0.0

    def __add__(self, other: Distance) -> Distance:
        return Distance(
            rows=self.rows + other.rows,
            total=self.total + other.total,
            values=self.values + other.values,
            squares=self.squares + other.squares,
        )


class AllPredictions(_Frozen):
    """What is known of the predictions of an evaluation.

    Attributes:
        models: by TFMA's name; empty for a single model.
        distance: between candidate and baseline.
    """

    models: dict[str, Predictions] = {}
    distance: Distance = Distance()

    @property
    def candidate(self) -> Predictions:
        """Those of the model that is judged."""
        return self.models.get(tfma.CANDIDATE_KEY) or self.models.get("", Predictions())

    @property
    def baseline(self) -> Predictions | None:
        """Those of the model that it is compared with; None without one."""
        return self.models.get(tfma.BASELINE_KEY)

    def __add__(self, other: AllPredictions) -> AllPredictions:
        names = self.models.keys() | other.models.keys()
        return AllPredictions(
            models={
                name: self.models.get(name, Predictions()) + other.models.get(name, Predictions())
                for name in sorted(names)
            },
            distance=self.distance + other.distance,
        )

    @classmethod
    def load(cls, evaluation_uri: str) -> AllPredictions | None:
        """What an Evaluator wrote beside its metrics; None if it is an older one that wrote nothing."""
        path = f"{evaluation_uri}/{_FILE}"
        if not fileio.exists(path):
            return None
        with fileio.open(path, "rb") as file:
            return cls.model_validate_json(file.read())


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
        self._path = f"{evaluation_uri}/{_FILE}"

    def expand(self, input_or_inputs: Mapping[str, beam.PCollection]) -> beam.PCollection:
        """See Beam."""
        return input_or_inputs[KEY] | "WritePredictions" >> beam.Map(_write, self._path)


def _write(found: AllPredictions, path: str) -> None:
    with fileio.open(path, "wb") as file:
        file.write(found.model_dump_json(indent=1).encode())


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


def _distance(predictions: Mapping[str, np.ndarray]) -> Distance:
    baseline = predictions.get(tfma.BASELINE_KEY)
    candidate = predictions.get(tfma.CANDIDATE_KEY)
    if baseline is None or candidate is None or baseline.shape != candidate.shape:
        return Distance()
    both = is_finite(baseline) & is_finite(candidate)
    baseline, candidate = baseline[both], candidate[both]
    share = 1.0 if baseline.shape[1] == 1 else 0.5
    return Distance(
        rows=len(baseline),
        total=share * float(np.abs(baseline - candidate).sum()),
        values=float(baseline.sum()),
        squares=float((baseline**2).sum()),
    )


def _fault(wrong: np.ndarray, values: np.ndarray, extracts: Mapping[str, Any]) -> Fault:
    if not wrong.any():
        return Fault()
    records = extracts[constants.INPUT_KEY]
    record, first = min((bytes(records[index]), index) for index in np.flatnonzero(wrong).tolist())
    columns = extracts.get(constants.FEATURES_KEY) or {}
    example = f"{numbers_in_words(values[first])} for the row with {row_in_words(record, columns)}"
    return Fault(rows=int(wrong.sum()), example=example, record=record)


def _each(choose: Any, first: tuple[float, ...], second: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(map(choose, first, second)) if first and second else first or second
