"""scikit-learn's boosted trees, and what they reach."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from trainer.labels.config import Label

_MOST_BINS = 255


def predictions(
    train: np.ndarray,
    labels: np.ndarray,
    held_back: np.ndarray,
    *,
    codes: np.ndarray,
    label: Label,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Learn from some rows and predict others.

    Args:
        train: float64 ``[rows, width]``; NaN is missing.
        labels: their labels, see `encoder.labels_of`, without NaN.
        held_back: the rows to predict, float64 ``[others, width]``.
        codes: bool ``[width]``, which columns are codes of categories.
        label: its task decides what is predicted.
        weights: of the rows, float64 ``[rows]``.

    Returns:
        float64 ``[others]`` for a regression, else the probabilities of the classes ``[others, classes]``.
    """
    from threadpoolctl import threadpool_limits

    # Threads that wait for each other take several times as long on a busy machine.
    with threadpool_limits(1):
        if label.task == "regression":
            return _numbers(train, labels, held_back, codes, label, weights)
        return _probabilities(train, labels, held_back, codes, label, weights)


def _numbers(
    train: np.ndarray,
    labels: np.ndarray,
    held_back: np.ndarray,
    codes: np.ndarray,
    label: Label,
    weights: np.ndarray | None,
) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(categorical_features=cast(Any, codes), random_state=0, max_bins=_bins(train))
    model.fit(train, np.log1p(labels) if label.log else labels, sample_weight=weights)
    found = model.predict(held_back)
    return np.expm1(found) if label.log else found


def _probabilities(
    train: np.ndarray,
    labels: np.ndarray,
    held_back: np.ndarray,
    codes: np.ndarray,
    label: Label,
    weights: np.ndarray | None,
) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingClassifier

    classifier = HistGradientBoostingClassifier(
        # Trees of a hundred classes take a hundred times as long.
        categorical_features=cast(Any, codes),
        random_state=0,
        max_bins=_bins(train),
        max_iter=100 if len(label.class_names()) <= 10 else 20,
    )
    classifier.fit(train, labels.astype(np.int64), sample_weight=weights)
    probabilities = np.zeros((len(held_back), len(label.class_names())))
    probabilities[:, np.asarray(classifier.classes_)] = classifier.predict_proba(held_back)
    return probabilities


def _bins(train: np.ndarray) -> int:
    """As many as there can be values: more change nothing, and cost time for each column in each node of each tree."""
    return min(_MOST_BINS, max(2, len(train)))


def metrics(
    labels: np.ndarray, predicted: np.ndarray, *, label: Label, weights: np.ndarray | None = None
) -> dict[str, float]:
    """The metrics that the summary shows, by their names in the config; those without a value are left out.

    Args:
        labels: float64 ``[rows]``.
        predicted: of these rows, see `predictions`.
        label: its task decides.
        weights: of the rows, float64 ``[rows]``.
    """
    if label.task == "regression":
        errors = predicted - labels
        return {
            "mean_absolute_error": _mean(np.abs(errors), weights),
            "root_mean_squared_error": _mean(errors**2, weights) ** 0.5,
        }
    classes = labels.astype(np.int64)
    found: dict[str, float] = {}
    if label.task == "binary" and len(np.unique(classes)) == 2:
        from sklearn.metrics import roc_auc_score

        found["auc"] = float(roc_auc_score(classes, predicted[:, 1], sample_weight=weights))
    threshold = label.threshold if isinstance(label.threshold, float) else 0.5
    called = predicted[:, 1] >= threshold if label.task == "binary" else predicted.argmax(axis=1)
    found["accuracy"] = _mean(called == classes, weights)
    if label.task == "multiclass":
        own = predicted[np.arange(len(classes)), classes]
        found["cross_entropy"] = _mean(-np.log(np.maximum(own, 1e-7)), weights)
    return found


def _mean(values: np.ndarray, weights: np.ndarray | None) -> float:
    return float(np.average(values, weights=weights))


def trivial(labels: np.ndarray, held_back: np.ndarray, *, label: Label) -> dict[str, float]:
    """What a model reaches that always answers the same."""
    if label.task == "regression":
        same = np.full(len(held_back), labels.mean())
    else:
        counts = np.bincount(labels.astype(np.int64), minlength=len(label.class_names()))
        same = np.tile(counts / counts.sum(), (len(held_back), 1))
    return metrics(held_back, same, label=label)
