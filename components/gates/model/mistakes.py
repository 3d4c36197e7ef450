"""Which rows of an evaluation a model was farthest from the truth on."""

from __future__ import annotations

import numpy as np

from components.gates.evaluation import BASELINE
from components.gates.model.scored_rows import ScoredRows


def worst(labels: np.ndarray, predictions: np.ndarray, *, task: str, most: int) -> np.ndarray:
    """The places of the rows that are farthest from the truth, the worst first; no finite prediction is worst of all.

    Args:
        labels: `[rows]`, class ids or numbers; rows of a class that the model does not know are left out.
        predictions: `[rows, outputs]`, probabilities of the classes or of a binary label being 1, or numbers.
        task: of the label.
        most: how many rows at most.
    """
    rows = np.arange(len(labels))
    if task == "multiclass":
        rows = rows[(labels >= 0) & (labels < predictions.shape[1])]
        distance = 1 - predictions[rows, labels[rows].astype(int)]
    else:
        distance = np.abs(predictions[:, 0] - labels)
    distance = np.where(np.isfinite(predictions[rows]).all(axis=1), distance, np.inf)
    return rows[np.argsort(-distance, kind="stable")[:most]]


def worst_records(rows: ScoredRows, *, task: str, most: int) -> list[bytes]:
    """The serialized tf.Examples on which the candidate did worst, of the rows that the Evaluator kept.

    Args:
        rows: what it kept.
        task: of the label.
        most: how many at most.
    """
    [candidate] = [values for model, values in rows.predictions.items() if model != BASELINE]
    kept = np.flatnonzero([record is not None for record in rows.records])
    places = kept[worst(rows.labels[kept], candidate[kept], task=task, most=most)]
    return [record for place in places.tolist() if (record := rows.records[place]) is not None]
