"""The kept rows as plain arrays, under the names that the page gives the models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from components.gates.evaluation import BASELINE as TFMA_BASELINE
from components.gates.model.scored_rows import ScoredRows
from pipeline.report.html.plots import BASELINE, CANDIDATE

OURS, SERVED = "this model", "served model"
COLORS = {OURS: CANDIDATE, SERVED: BASELINE}


@dataclass(frozen=True, kw_only=True)
class Scored:
    """Rows with labels and finite predictions.

    Attributes:
        labels: float64 `[rows]`.
        weights: float64 `[rows]`.
        predictions: float64 `[rows, outputs]` by `OURS` and `SERVED`, ours first.
        records: the serialized rows; None where a row was too large to be kept.
    """

    labels: np.ndarray
    weights: np.ndarray
    predictions: Mapping[str, np.ndarray]
    records: tuple[bytes | None, ...]

    @classmethod
    def of(cls, rows: ScoredRows) -> Scored:
        """Those of the kept rows to which all models gave finite answers."""
        named = {
            SERVED if model == TFMA_BASELINE else OURS: values.astype(np.float64)
            for model, values in sorted(rows.predictions.items(), key=lambda item: item[0] == TFMA_BASELINE)
        }
        # A served model of another number of classes cannot be drawn beside this one.
        shape = named[OURS].shape
        named = {name: values for name, values in named.items() if values.shape == shape}
        finite = np.all([np.isfinite(values).all(axis=1) for values in named.values()], axis=0)
        return cls(
            labels=rows.labels[finite],
            weights=rows.weights[finite],
            predictions={name: values[finite] for name, values in named.items()},
            records=tuple(record for record, sound in zip(rows.records, finite, strict=True) if sound),
        )

    def __len__(self) -> int:
        return len(self.labels)
