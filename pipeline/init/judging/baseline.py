"""A quick baseline on held-back rows: limits that refuse a useless model, and slices worth watching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from components.reference import trees
from components.reference.encoder import Encoder
from pipeline.config.gates.metrics import METRICS
from pipeline.init.judging.treatment import Treatment, distinct
from pipeline.init.reading.profile import ColumnProfile
from trainer.features.columns import Features
from trainer.labels.config import Label

_ROWS = 12_000
# Of the way from a model that always answers the same to the trees.
_SHARE = 0.5
_NOTHING = 0.03
_METRICS = {"binary": ("auc", "accuracy"), "multiclass": ("accuracy",), "regression": ("root_mean_squared_error",)}
_HIGHER_IS_BETTER = {name: metric.higher_is_better for table in METRICS.values() for name, metric in table.items()}
_MOST_SLICES, _MOST_VALUES = 3, 20
_SMALLEST_SLICE = 30


@dataclass(frozen=True)
class Baseline:
    """What boosted trees reach.

    Attributes:
        reached: their metrics on the rows that were held back.
        trivial: those of a model that always answers the same.
        thresholds: limits for the config.
        slices: columns whose values are worth watching.
        left_out: columns that could be slices and are none, with the reason.
        min_slice_size: rows below which a slice has no limits.
    """

    reached: Mapping[str, float]
    trivial: Mapping[str, float]
    thresholds: Sequence[Mapping[str, Any]]
    slices: Sequence[str]
    left_out: Mapping[str, str]
    min_slice_size: int

    @property
    def finds_nothing(self) -> bool:
        """Whether the trees are hardly better than a model that always answers the same."""
        metric = next(name for name in ("root_mean_squared_error", "auc", "accuracy") if name in self.reached)
        reached, trivial = self.reached[metric], self.trivial[metric]
        return reached > 0.98 * trivial if metric == "root_mean_squared_error" else reached < trivial + _NOTHING


def baseline_of(
    columns: Mapping[str, ColumnProfile],
    treatments: Mapping[str, Treatment],
    sample: Mapping[str, pa.Array],
    labels: np.ndarray,
    label: Label,
) -> Baseline:
    """Fit trees on two thirds of some rows, and see what they reach on the others.

    Args:
        columns: what is known of all columns.
        treatments: what becomes of each column but the label's.
        sample: rows with a label.
        labels: the labels of these rows.
        label: its task decides on the metrics.
    """
    rows = np.random.default_rng(1).permutation(len(labels))[:_ROWS]
    cut = len(rows) * 2 // 3
    train, held_back = (
        {name: values.take(pa.array(some)) for name, values in sample.items()} for some in (rows[:cut], rows[cut:])
    )
    features = Features.model_validate({name: each.entry for name, each in treatments.items() if each.entry})
    encoder = Encoder.fitted(train, features)
    matrix, codes = encoder.matrix(train)
    known, truth = labels[rows[:cut]], labels[rows[cut:]]
    predicted = trees.predictions(matrix, known, encoder.matrix(held_back)[0], codes=codes, label=label)
    reached = trees.metrics(truth, predicted, label=label)
    trivial = trees.trivial(known, truth, label=label)
    rows_of_eval = columns[label.column].present // 3
    size = max(_SMALLEST_SLICE, rows_of_eval // 100)
    errors = _errors(truth, predicted, label)
    slices, left_out = _slices(
        columns, treatments, held_back, errors, smallest=size * len(truth) / max(1, rows_of_eval)
    )
    return Baseline(
        reached=reached,
        trivial=trivial,
        thresholds=[
            _limit(name, reached[name], trivial[name], truth, errors, rows_of_eval)
            for name in _limited(reached, trivial, label)
        ],
        slices=slices,
        left_out=left_out,
        min_slice_size=size,
    )


def _limited(reached: Mapping[str, float], trivial: Mapping[str, float], label: Label) -> list[str]:
    """The metrics that tell a useful model from a useless one: of rare classes, accuracy does not."""
    names = [name for name in _METRICS[label.task] if name in reached]
    telling = [name for name in names if name != "accuracy" or reached[name] > trivial[name] + 0.02]
    return telling or names[:1]


def _limit(
    name: str, reached: float, trivial: float, truth: np.ndarray, errors: np.ndarray, rows: int
) -> dict[str, Any]:
    if not _HIGHER_IS_BETTER[name]:
        # Lower is better; errors spread with the square root of the rows, and more if a few of them are very large.
        noise = min(1.0, 2 / np.sqrt(max(rows, 1)) * max(1.0, _tails(errors)))
        best = min(reached, trivial)
        highest = (best + _SHARE * (trivial - best)) * (1 + noise)
        return {"metric": name, "max": _rounded(highest), "max_rise": _rounded(best * max(0.1, noise))}
    rare = max(1.0, min(truth.mean(), 1 - truth.mean()) * rows if name == "auc" else rows)
    noise = 2 * float(np.sqrt(max(reached * (1 - reached), 0.01) / rare))
    lowest = max(trivial + _SHARE * (reached - trivial) - noise, trivial if name == "auc" else trivial * 0.9)
    return {"metric": name, "min": round(min(lowest, 0.999), 3), "max_drop": round(max(0.01, noise), 3)}


def _tails(errors: np.ndarray) -> float:
    """How much more the squared errors spread than those of a normal distribution do."""
    squares = errors**2
    return float(squares.std() / (squares.mean() * np.sqrt(2))) if squares.any() else 0.0


def _errors(truth: np.ndarray, predicted: np.ndarray, label: Label) -> np.ndarray:
    if label.task == "regression":
        return np.abs(predicted - truth)
    return (predicted.argmax(axis=1) != truth).astype(np.float64)


def _slices(
    columns: Mapping[str, ColumnProfile],
    treatments: Mapping[str, Treatment],
    sample: Mapping[str, pa.Array],
    errors: np.ndarray,
    *,
    smallest: float,
) -> tuple[list[str], dict[str, str]]:
    """The columns whose values differ most in their errors, bounded in number and in values."""
    spread: dict[str, float] = {}
    left_out: dict[str, str] = {}
    for name, treatment in treatments.items():
        if "category" not in treatment.kinds:
            continue
        if columns[name].many or columns[name].distinct > _MOST_VALUES:
            left_out[name] = f"{distinct(columns[name])} values"
            continue
        codes = sample[name].dictionary_encode().indices
        means = [
            errors[place].mean()
            for code in range(len(sample[name].unique()))
            if (place := (codes.to_numpy(zero_copy_only=False) == code)).sum() >= smallest
        ]
        if len(means) < 2:
            left_out[name] = "too few rows with each value"
        else:
            spread[name] = float(max(means) - min(means))
    ranked = sorted(spread, key=lambda name: -spread[name])
    left_out |= dict.fromkeys(ranked[_MOST_SLICES:], "its values differ less")
    return ranked[:_MOST_SLICES], left_out


def _rounded(value: float) -> float:
    """Three significant digits."""
    return float(f"{value:.3g}")
