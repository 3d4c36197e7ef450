"""Columns that repeat another, and columns that tell the label alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from components.reference.column_encoders import Category, ColumnEncoder, encoder_for
from pipeline.init.judging.treatment import Treatment
from pipeline.init.reading.profile import ColumnProfile
from trainer.features.columns import Features
from trainer.labels.config import Label

_ROWS = 6_000
_LEAK = {"binary": 0.995, "multiclass": 0.99, "regression": 0.99}
_SUSPICIOUS = {"binary": 0.97, "multiclass": 0.95, "regression": 0.95}
_SCORES = {"binary": "AUC", "multiclass": "accuracy", "regression": "R²"}
# With fewer rows of each class, one column tells them apart by chance.
_FEWEST = 8
# Of these, one column is most of an example.
_LARGE = ("image", "vector")


def duplicates(columns: Mapping[str, ColumnProfile], sample: pa.Table) -> dict[str, str]:
    """The columns whose values are those of an earlier one in every row, with its name."""
    found: dict[str, str] = {}
    first: dict[str, str] = {}
    for name, column in columns.items():
        values = sample.column(name).combine_chunks()
        key = repr((column.type, column.missing, column.counts[:100], values.slice(0, 50).to_pylist()))
        other = first.setdefault(key, name)
        if column.present and other != name and values.equals(sample.column(other).combine_chunks()):
            found[name] = other
    return found


def suspects(
    treatments: Mapping[str, Treatment], sample: Mapping[str, pa.Array], labels: np.ndarray, label: Label
) -> Iterator[tuple[str, str, bool]]:
    """The columns that alone predict held-back labels too well to be true, with the score in words.

    Args:
        treatments: what becomes of each column.
        sample: rows with a label.
        labels: the labels of these rows.
        label: its task decides how well is too well.

    Yields:
        The name, the score, and whether it is so good that the column must be left out.
    """
    rows = np.random.default_rng(0).permutation(len(labels))[:_ROWS]
    cut = len(rows) * 2 // 3
    train, held_back = rows[:cut], rows[cut:]
    if label.task != "regression" and (np.bincount(labels[held_back].astype(int)).max() > len(held_back) - _FEWEST):
        return
    for name, treatment in treatments.items():
        if treatment.entry is None or set(treatment.kinds) & set(_LARGE):
            continue
        [kinds] = Features.model_validate({name: treatment.entry}).root.values()
        encoder = encoder_for(sample[name].take(pa.array(train)), [options.model_dump() for options in kinds])
        if encoder is None:
            continue
        score = _score(encoder, sample[name], train, held_back, labels, label)
        if score >= _SUSPICIOUS[label.task]:
            yield name, f"{_SCORES[label.task]} {score:.4g}", score >= _LEAK[label.task]


def _score(
    encoder: ColumnEncoder, column: pa.Array, train: np.ndarray, held_back: np.ndarray, labels: np.ndarray, label: Label
) -> float:
    """AUC, accuracy above that of the most frequent class, or R² on the rows that were held back."""
    before, after = (encoder.numbers(column.take(pa.array(rows))) for rows in (train, held_back))
    if before.shape[1] == 4 and not encoder.categorical:
        # A date's time, or that there is none: the calendar may well decide.
        before, after = before[:, :1], after[:, :1]
    known, truth = labels[train], labels[held_back]
    predicted = (_by_category if isinstance(encoder, Category) else _by_tree)(before, known, after, label)
    if label.task == "regression":
        spread = float(((truth - truth.mean()) ** 2).mean())
        fit = 1 - float(((predicted - truth) ** 2).mean()) / spread if spread else 0.0
        return max(fit, _linear(after[:, 0], truth))
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


def _by_tree(before: np.ndarray, labels: np.ndarray, after: np.ndarray, label: Label) -> np.ndarray:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    options: dict[str, Any] = {"min_samples_leaf": 3, "max_leaf_nodes": 256, "random_state": 0}
    if label.task == "regression":
        return DecisionTreeRegressor(**options).fit(before, labels).predict(after)
    tree = DecisionTreeClassifier(**options).fit(before, labels.astype(int))
    return _all_classes(np.asarray(tree.predict_proba(after)), np.asarray(tree.classes_), label)


def _by_category(before: np.ndarray, labels: np.ndarray, after: np.ndarray, label: Label) -> np.ndarray:
    """The mean label of each category in the first rows, drawn to the mean of all where it is rare."""
    codes, others = (np.nan_to_num(values[:, 0], nan=-1).astype(int) + 1 for values in (before, after))
    size = int(max(codes.max(), others.max())) + 1
    if label.task == "regression":
        targets = labels[:, np.newaxis]
    else:
        targets = np.eye(len(label.class_names()))[labels.astype(int)]
    sums = np.stack([np.bincount(codes, target, minlength=size) for target in targets.T], axis=1)
    counts = np.bincount(codes, minlength=size)[:, np.newaxis]
    means = (sums + targets.mean(axis=0)) / (counts + 1)
    return means[others, 0] if label.task == "regression" else means[others]


def _all_classes(probabilities: np.ndarray, classes: np.ndarray, label: Label) -> np.ndarray:
    found = np.zeros((len(probabilities), len(label.class_names())))
    found[:, classes] = probabilities
    return found


def _linear(values: np.ndarray, truth: np.ndarray) -> float:
    """R² of the best line: a label in another unit is found in any number of rows."""
    known = ~np.isnan(values)
    if known.sum() < 0.9 * len(values) or values[known].std() == 0 or truth[known].std() == 0:
        return 0.0
    return float(np.corrcoef(values[known], truth[known])[0, 1] ** 2)
