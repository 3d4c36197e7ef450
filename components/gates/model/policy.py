"""The limits of ModelGate on predictions and on the served model."""

from __future__ import annotations

from typing import Literal

from trainer.parameters import Strict


class Policy(Strict):
    """The limits on predictions and on the served model; those that are None judge nothing.

    Attributes:
        probabilities: whether predictions are probabilities, and not numbers of a regression.
        constant_predictions: what becomes of a model that answers the same in all rows.
        distance_warn: mean distance to the served model's predictions from which on there is a notice.
        distance_refuse: from which on the candidate is refused.
        served_metrics: metrics of the served model that must not fall, or not rise in a regression.
        served_max_drop: how far they may have fallen since the model was pushed.
        served_max_rise: by which share the error of a regression may have risen.
    """

    probabilities: bool
    constant_predictions: Literal["refuse", "warn"] = "refuse"
    distance_warn: float | None = None
    distance_refuse: float | None = None
    served_metrics: tuple[str, ...] = ()
    served_max_drop: float | None = None
    served_max_rise: float | None = None
