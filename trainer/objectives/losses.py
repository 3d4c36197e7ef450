"""The losses that ``trainer.loss`` knows by a name without a dot.

Each takes ``target`` and ``output``, float32 tensors of the same shape, and returns the loss of each example, float32
``[batch]``; its keyword-only arguments are its options. Of a binary label they are 0 or 1 and a logit, ``[batch, 1]``;
of a multiclass one the class as one-hot and the logits, ``[batch, classes]``; of a regression both ``[batch, 1]`` in
standard deviations of the training rows' labels from their mean. A smoothed label is between 0 and 1. All are written
with ``keras.ops``, so that XLA compiles them with the rest of the step.
"""

from __future__ import annotations

from typing import Annotated, Any

import keras
from pydantic import Field, NonNegativeFloat, PositiveFloat

# Keras does not annotate what its operations return.
ops: Any = keras.ops
_LEAST = 1e-7


def focal(target: Any, output: Any, *, gamma: NonNegativeFloat = 2.0) -> Any:
    """Cross-entropy that counts examples less the surer the network is of them (Lin et al. 2017, arXiv:1708.02002).

    For a binary or multiclass label.

    Args:
        target: see above.
        output: see above.
        gamma: float, how much less; 0 is cross-entropy.
    """
    if output.shape[-1] == 1:
        # As two classes, of which the negative one has the logit 0.
        target = ops.concatenate([1.0 - target, target], axis=1)
        output = ops.concatenate([ops.zeros_like(output), output], axis=1)
    log_probability = ops.log_softmax(output, axis=1)
    # The root of 0 has no gradient.
    surprise = ops.maximum(-ops.expm1(log_probability), _LEAST) ** gamma
    return -ops.sum(target * surprise * log_probability, axis=1)


def mae(target: Any, output: Any) -> Any:
    """The absolute error, which a few outliers do not dominate; for a regression.

    Args:
        target: see above.
        output: see above.
    """
    return ops.abs(output - target)[:, 0]


def huber(target: Any, output: Any, *, delta: PositiveFloat = 1.0) -> Any:
    """Half the squared error of small errors, linear beyond (Huber 1964); for a regression.

    Args:
        target: see above.
        output: see above.
        delta: float, in standard deviations, where it becomes linear.
    """
    error = ops.abs(output - target)
    return ops.where(error <= delta, 0.5 * error**2, delta * (error - 0.5 * delta))[:, 0]


def quantile(target: Any, output: Any, *, level: Annotated[float, Field(gt=0, lt=1)] = 0.5) -> Any:
    """The pinball loss, whose minimum is a quantile of the label instead of its mean; for a regression.

    Args:
        target: see above.
        output: see above.
        level: float, share of labels, in (0, 1), that should lie below the prediction.
    """
    below = target - output
    return ops.maximum(level * below, (level - 1.0) * below)[:, 0]
