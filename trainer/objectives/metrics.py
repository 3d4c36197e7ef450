"""The metrics that ``trainer.metrics`` knows by a name without a dot.

Each takes ``label`` and ``prediction``, float32 tensors of the same shape, and returns the figure of each example,
float32 ``[batch]``; its keyword-only arguments are its options. Of a binary label they are 0 or 1 and the probability,
``[batch, 1]``; of a multiclass one the class as one-hot and the probabilities, ``[batch, classes]``; of a regression
both are in the label's own unit, ``[batch, 1]``.
"""

from __future__ import annotations

from typing import Annotated, Any

import keras
from pydantic import Field, PositiveFloat

from trainer.objectives import losses

# Keras does not annotate what its operations return.
ops: Any = keras.ops


def brier(label: Any, prediction: Any) -> Any:
    """The squared distance of the probabilities from what happened (Brier 1950); for a binary or multiclass label.

    Args:
        label: see above.
        prediction: see above.
    """
    return ops.sum((prediction - label) ** 2, axis=1)


def pinball(label: Any, prediction: Any, *, level: Annotated[float, Field(gt=0, lt=1)] = 0.5) -> Any:
    """How far off a predicted quantile is, in the label's own unit; for a regression.

    Args:
        label: see above.
        prediction: see above.
        level: float, share of labels, in (0, 1), that should lie below the prediction.
    """
    return losses.quantile(label, prediction, level=level)


def percentage_error(label: Any, prediction: Any, *, at_least: PositiveFloat = 1.0) -> Any:
    """The absolute error as a share of the label; for a regression.

    Args:
        label: see above.
        prediction: see above.
        at_least: float, what smaller labels count as, so that none near 0 decides the mean.
    """
    return (ops.abs(prediction - label) / ops.maximum(ops.abs(label), at_least))[:, 0]
