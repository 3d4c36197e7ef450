"""How well each column alone predicts the label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from components.reference.column_encoders import ColumnEncoder, Date, encoder_for
from trainer.labels.config import Label

# Rows that are looked at; of classes equally many of each, as far as there are.
ROWS = 6_000
_LEAK = {"binary": 0.995, "multiclass": 0.99, "regression": 0.9999}
# A number that follows the time, or the number of the day before, may honestly explain nearly all of another.
_SUSPICIOUS = {"binary": 0.97, "multiclass": 0.95, "regression": 0.99}
_SCORES = {"binary": "AUC", "multiclass": "accuracy", "regression": "R²"}
# With fewer rows of a class, or of a regression, one column fits them by chance.
_FEWEST, _FEWEST_NUMBERS = 9, 20
# Of these, one column is most of an example.
_LARGE = {"image", "vector"}
_BINS = 256
_ROWS_PER_BIN = 8
# Numbers that each occur so often are codes.
_ROWS_PER_CODE = 4
# As many rows as the mean of all counts for in that of a code, which matters for rare ones.
_PRIOR = 0.1


class Telling(NamedTuple):
    """A column that alone predicts the label too well to be true.

    Attributes:
        column: its name.
        score: what it reaches on rows that were held back, in words.
        is_leak: whether it can hardly be anything but the label in disguise.
    """

    column: str
    score: str
    is_leak: bool


def telling_columns(
    columns: Mapping[str, pa.Array],
    kinds: Mapping[str, Sequence[Mapping[str, Any]]],
    labels: np.ndarray,
    label: Label,
) -> Iterator[Telling]:
    """The columns that alone predict held-back labels too well to be true.

    Args:
        columns: rows with a label.
        kinds: the options of the kinds of each column to look at.
        labels: the labels of these rows, float64 ``[rows]``.
        label: its task decides how well is too well.
    """
    train, held_back = _parts(labels, label)
    if not len(held_back):
        return
    for name, options in kinds.items():
        if name not in columns or not _LARGE.isdisjoint(each["kind"] for each in options):
            continue
        encoder = encoder_for(columns[name].take(pa.array(train)), options, most_categories=ROWS)
        if encoder is None:
            continue
        score = _score(encoder, columns[name], train, held_back, labels, label)
        if score >= _SUSPICIOUS[label.task]:
            yield Telling(name, f"{_SCORES[label.task]} {score:.4g}", score >= _LEAK[label.task])


def rows_per_class(label: Label) -> int:
    """How many rows of a class are looked at, at most; of a regression, of all."""
    return ROWS if label.task == "regression" else max(ROWS // len(label.class_names()), 3 * _FEWEST)


def too_few(labels: np.ndarray, label: Label) -> bool:
    """Whether there are too few rows, of all or of all classes but one, to tell a column from chance."""
    return not len(_parts(labels, label)[1])


def _parts(labels: np.ndarray, label: Label) -> tuple[np.ndarray, np.ndarray]:
    """The rows to learn from and those held back, a third of each class; none if there are too few."""
    order, most = np.random.default_rng(0).permutation(len(labels)), rows_per_class(label)
    if label.task == "regression":
        groups = [order[:most]] if len(order) >= _FEWEST_NUMBERS else []
    else:
        of_class = (order[labels[order] == each] for each in np.unique(labels))
        groups = [rows[:most] for rows in of_class if len(rows) >= _FEWEST]
        groups = groups if len(groups) > 1 else []
    none = np.zeros(0, int)
    train = [rows[: len(rows) * 2 // 3] for rows in groups]
    held_back = [rows[len(rows) * 2 // 3 :] for rows in groups]
    return np.concatenate([none, *train]), np.concatenate([none, *held_back])


def _score(
    encoder: ColumnEncoder, column: pa.Array, train: np.ndarray, held_back: np.ndarray, labels: np.ndarray, label: Label
) -> float:
    """The best of what each of the encoder's numbers reaches, and all of them as one code."""
    before, after = (encoder.numbers(column.take(pa.array(rows))) for rows in (train, held_back))
    if isinstance(encoder, Date):
        # The time, or that there is none: the calendar may well decide.
        before, after = before[:, :1], after[:, :1]
    known, truth = labels[train], labels[held_back]
    pairs = [
        (first, second) if encoder.categorical else _binned(first, second)
        for first, second in zip(before.T, after.T, strict=True)
    ]
    if len(pairs) > 1:
        pairs.append(_whole(before, after))
    found = [_reached(_mean_labels(*codes, known, label), truth, label) for codes in pairs]
    every, labels = np.concatenate([before, after]), np.concatenate([known, truth])
    return max([*found, *(_as_it_is(values, labels, label) for values in every.T)])


def _reached(predicted: np.ndarray, truth: np.ndarray, label: Label) -> float:
    """AUC, accuracy above that of the most frequent class, or R²."""
    if label.task == "regression":
        spread = float(((truth - truth.mean()) ** 2).mean())
        return 1 - float(((predicted[:, 0] - truth) ** 2).mean()) / spread if spread else 0.0
    if label.task == "binary":
        return _auc(truth, predicted[:, 1])
    rare = 1 - np.bincount(truth.astype(int)).max() / len(truth)
    accuracy = float((predicted.argmax(axis=1) == truth).mean())
    # Of labels that are nearly all equal, anything is right.
    return accuracy if 1 - accuracy < 0.2 * rare else 0.0


def _auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """The area under the curve by ranks; scikit-learn's function takes ten times as long for as few rows."""
    ones, zeros = int((labels == 1).sum()), int((labels == 0).sum())
    ranks = _ranks(scores)[labels == 1].sum()
    return float((ranks - ones * (ones + 1) / 2) / (ones * zeros)) if ones and zeros else 0.0


def _ranks(values: np.ndarray) -> np.ndarray:
    """From 1 on; the mean of equal values."""
    return pd.Series(values).rank().to_numpy()


def _binned(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers as the bins between the quantiles of the first rows; each by itself where they are few."""
    known = before[~np.isnan(before)]
    edges = np.unique(known)
    if len(edges) * _ROWS_PER_CODE > len(known):
        bins = min(_BINS, max(len(known) // _ROWS_PER_BIN, 2))
        edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1), method="lower")) if len(known) else known
    first, second = (np.where(np.isnan(side), np.nan, np.searchsorted(edges, side)) for side in (before, after))
    return first, second


def _whole(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of several numbers as one code each."""
    _, codes = np.unique(np.concatenate([before, after]), axis=0, return_inverse=True)
    codes = codes.ravel().astype(np.float64)
    return codes[: len(before)], codes[len(before) :]


def _mean_labels(codes: np.ndarray, others: np.ndarray, labels: np.ndarray, label: Label) -> np.ndarray:
    """The mean label of each code in the first rows, drawn to the mean of all where it is rare.

    Args:
        codes: of the first rows; NaN where the value is missing.
        others: of the rows to predict.
        labels: of the first rows.
        label: its task decides whether labels are classes.

    Returns:
        float64 ``[rows, classes]``, or ``[rows, 1]`` of a regression.
    """
    codes, others = (np.nan_to_num(values, nan=-1).astype(int) + 1 for values in (codes, others))
    size = int(max(codes.max(), others.max())) + 1
    if label.task == "regression":
        targets = labels[:, np.newaxis]
    else:
        targets = np.eye(len(label.class_names()))[labels.astype(int)]
    sums = np.stack([np.bincount(codes, target, minlength=size) for target in targets.T], axis=1)
    counts = np.bincount(codes, minlength=size)[:, np.newaxis]
    return ((sums + _PRIOR * targets.mean(axis=0)) / (counts + _PRIOR))[others]


def _as_it_is(values: np.ndarray, labels: np.ndarray, label: Label) -> float:
    """AUC of the numbers themselves, or R² of the best line through them or their ranks; 0 if over half are missing.

    That finds a label in another unit, or its logarithm, in few rows, too.
    """
    known = ~np.isnan(values)
    values, labels = values[known], labels[known]
    if label.task == "multiclass" or too_few(labels, label) or 2 * len(values) < len(known) or values.std() == 0:
        return 0.0
    if label.task == "binary":
        reached = _auc(labels, values)
        return max(reached, 1 - reached)
    if labels.std() == 0:
        return 0.0
    pairs = ((values, labels), (_ranks(values), _ranks(labels)))
    return max(float(np.corrcoef(*pair)[0, 1] ** 2) for pair in pairs)
