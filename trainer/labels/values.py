"""What a training learns from the labels of its rows before the first step: their scale, the classes' weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from trainer.labels.config import Label

# A weight for each class by name, or "balanced".
ClassWeights = Mapping[str, float] | str


def check(values: np.ndarray, *, label: Label, split: str) -> None:
    """Refuse labels that nothing can be learnt from. The data gate finds them earlier, unless it was told not to.

    Args:
        values: labels as preprocessing made them, ``[rows]``.
        label: what they should be.
        split: name of the split, for the message.

    Raises:
        ValueError: a label is missing, infinite or none of the classes.
    """
    bad = int(np.sum(~np.isfinite(values) | ((values < 0) & (label.task != "regression"))))
    if bad:
        raise ValueError(
            f"label.column: {label.column!r} has no usable value in {bad:,} of {len(values):,} rows of {split}; "
            "leave the rows out with label.missing: drop, or correct label or data."
        )
    if label.log and (least := float(values.min())) <= -1:
        raise ValueError(f"label.log: {label.column!r} is {least:g} in {split}; log(1 + label) needs labels above -1.")


def scale(values: np.ndarray, *, log: bool) -> tuple[float, float]:
    """Mean and standard deviation of labels ``[rows]``, or of their logarithms; a deviation of 0 counts as 1."""
    values = np.log1p(values, dtype=np.float64) if log else values.astype(np.float64)
    return float(values.mean()), float(values.std()) or 1.0


def class_weights(
    weights: ClassWeights, *, label: Label, values: np.ndarray, row_weights: np.ndarray | None
) -> list[float] | None:
    """The weight of each class in the order of the ids; None if no class has a weight of its own.

    Args:
        weights: by class name, where classes not named weigh 1; or ``balanced``, which gives all classes of the
            training rows the same total and keeps the total of all rows.
        label: names the classes.
        values: class ids of the training rows, ``[rows]``.
        row_weights: their example weights, ``[rows]``; None weighs all equally.

    Raises:
        ValueError: there is no class of that name.
    """
    names = label.class_names()
    if isinstance(weights, str):
        totals = np.bincount(values.astype(np.int64), weights=row_weights, minlength=len(names))
        share = totals.sum() / np.count_nonzero(totals)
        return [float(share / total) if total else 1.0 for total in totals]
    unknown = sorted(set(weights) - set(names))
    if unknown:
        raise ValueError(f"class_weights: there is no class {unknown[0]!r}; the classes are {', '.join(names)}.")
    return [weights.get(name, 1.0) for name in names] if weights else None
