"""Permutation importance: how much worse a model becomes when one column is shuffled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.report.asked_model import AskedModel
from pipeline.report.quality.scores import Counts
from pipeline.report.why.examples import DecodedRows
from trainer.parameters import Task

# Breiman 2001; the spread is that of the repeats.
_REPEATS = 3
# Answers in all, which take about a second.
_ANSWERS = 18_000
_ROWS = (100, 1_000)
_COLUMNS = 60


@dataclass(frozen=True, kw_only=True)
class Importance:
    """What a column is worth.

    Attributes:
        column: its name.
        loss: how much the score falls when the column is shuffled, the mean of the repeats.
        spread: their standard deviation.
    """

    column: str
    loss: float
    spread: float


def importances(
    model: AskedModel, examples: DecodedRows, labels: np.ndarray, *, columns: Sequence[str], task: Task
) -> list[Importance]:
    """The importance of each column, the largest first; the same in every run on the same rows.

    Args:
        model: is asked about the shuffled rows.
        examples: the rows.
        labels: theirs.
        columns: those that the model reads.
        task: decides which score falls.
    """
    score = SCORES[task][1]
    random = np.random.default_rng(0)
    best = score(labels, model.answers(examples.shuffled(columns[0], range(len(examples)))))
    found = []
    for column in columns:
        falls = [
            best - score(labels, model.answers(examples.shuffled(column, random.permutation(len(examples)).tolist())))
            for _ in range(_REPEATS)
        ]
        found.append(Importance(column=column, loss=float(np.mean(falls)), spread=float(np.std(falls))))
    return sorted(found, key=lambda one: -one.loss)


def rows_for(columns: int) -> int:
    """About how many rows a model is asked, so that all columns together take about a second."""
    return int(np.clip(_ANSWERS // (_REPEATS * max(columns, 1)), *_ROWS))


def most(columns: Sequence[str]) -> Sequence[str]:
    """The columns that there is time for."""
    return columns[:_COLUMNS]


def _area(labels: np.ndarray, said: np.ndarray) -> float:
    counts = Counts.of(labels, said[:, 0], np.ones(len(labels)))
    if not counts.positives or not counts.negatives:
        return 0.0
    area = np.trapezoid(np.append(0, counts.true), np.append(0, counts.false))
    return float(area / counts.positives / counts.negatives)


def _accuracy(labels: np.ndarray, said: np.ndarray) -> float:
    return float((said.argmax(axis=1) == labels).mean())


def _closeness(labels: np.ndarray, said: np.ndarray) -> float:
    return -float(np.abs(said[:, 0] - labels).mean())


# What falls, in words, and how it is computed of labels and predictions; higher is better.
SCORES: dict[Task, tuple[str, Callable[[np.ndarray, np.ndarray], float]]] = {
    "binary": ("loss of AUC", _area),
    "multiclass": ("loss of accuracy", _accuracy),
    "regression": ("rise of the mean absolute error", _closeness),
}
