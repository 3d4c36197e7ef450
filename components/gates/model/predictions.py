"""What an Evaluator knows of all predictions, beside its metrics: those that are NaN, out of range, constant, far off.

Metrics hide single rows: one NaN among thousands, or a model that answers the same whatever it is asked.
"""

from __future__ import annotations

from typing import Any

import tensorflow_model_analysis as tfma
from pydantic import BaseModel, ConfigDict, Field
from tfx.dsl.io import fileio

_FILE = "predictions.json"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class BadPredictions(_Frozen):
    """Rows whose prediction is wrong in one way.

    Attributes:
        rows: how many.
        example: one of them in words; empty without any.
        record: that row serialized, the smallest of all, so that it is the same however rows are spread over workers.
    """

    rows: int = 0
    example: str = ""
    record: bytes = Field(default=b"", exclude=True)

    def __add__(self, other: BadPredictions) -> BadPredictions:
        found = [each for each in (self, other) if each.rows]
        if len(found) < 2:
            return found[0] if found else self
        first = min(found, key=lambda each: each.record)
        return BadPredictions(rows=self.rows + other.rows, example=first.example, record=first.record)


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
    not_finite: BadPredictions = BadPredictions()
    outside: BadPredictions = BadPredictions()
    not_one: BadPredictions = BadPredictions()
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


class PredictionDistance(_Frozen):
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

    def __add__(self, other: PredictionDistance) -> PredictionDistance:
        return PredictionDistance(
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
    distance: PredictionDistance = PredictionDistance()

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

    def save(self, evaluation_uri: str) -> None:
        """Write it beside the metrics."""
        with fileio.open(f"{evaluation_uri}/{_FILE}", "wb") as file:
            file.write(self.model_dump_json(indent=1).encode())


def _each(choose: Any, first: tuple[float, ...], second: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(map(choose, first, second)) if first and second else first or second
