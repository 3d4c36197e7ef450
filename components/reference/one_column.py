"""How well each column alone predicts the label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from components.reference.column_encoders import ColumnEncoder, Date, encoder_for
from trainer.labels.config import Label

# Rows that are looked at.
ROWS = 6_000
_LEAK = {"binary": 0.995, "multiclass": 0.99, "regression": 0.99}
_SUSPICIOUS = {"binary": 0.97, "multiclass": 0.95, "regression": 0.95}
_SCORES = {"binary": "AUC", "multiclass": "accuracy", "regression": "R²"}
# With fewer rows of each class, one column tells them apart by chance.
_FEWEST = 8
# Of these, one column is most of an example.
_LARGE = {"image", "vector"}
_BINS = 256
_ROWS_PER_BIN = 8
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
    rows = np.random.default_rng(0).permutation(len(labels))[:ROWS]
    cut = len(rows) * 2 // 3
    train, held_back = rows[:cut], rows[cut:]
    if (
        not len(train)
        or label.task != "regression"
        and (np.bincount(labels[held_back].astype(int)).max() > len(held_back) - _FEWEST)
    ):
        return
    for name, options in kinds.items():
        if name not in columns or not _LARGE.isdisjoint(each["kind"] for each in options):
            continue
        encoder = encoder_for(columns[name].take(pa.array(train)), options)
        if encoder is None:
            continue
        score = _score(encoder, columns[name], train, held_back, labels, label)
        if score >= _SUSPICIOUS[label.task]:
            yield Telling(name, f"{_SCORES[label.task]} {score:.4g}", score >= _LEAK[label.task])


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
    return max([*found, *(_as_it_is(values, truth, label) for values in after.T)])


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
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    ones, zeros = int((labels == 1).sum()), int((labels == 0).sum())
    return float((ranks[labels == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros)) if ones and zeros else 0.0


def _binned(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers as the bins between the quantiles of the first rows."""
    known = before[~np.isnan(before)]
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


def _as_it_is(values: np.ndarray, truth: np.ndarray, label: Label) -> float:
    """AUC of the numbers themselves, or R² of the best line: a label in another unit is found in any number of rows."""
    known = ~np.isnan(values)
    if known.sum() < 0.9 * len(values) or values[known].std() == 0 or truth[known].std() == 0:
        return 0.0
    if label.task == "regression":
        return float(np.corrcoef(values[known], truth[known])[0, 1] ** 2)
    if label.task == "multiclass":
        return 0.0
    reached = _auc(truth[known], values[known])
    return max(reached, 1 - reached)
