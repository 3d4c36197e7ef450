"""What an export must do."""

from __future__ import annotations

from pydantic import Field

from components.gates.budgets import Budgets
from trainer.parameters import Strict


class InfraGate(Strict):
    """How the export is validated.

    Attributes:
        num_examples: number of eval examples that are sent.
        num_worst: number of eval examples that are sent, besides, of those on which the model was farthest from the
            truth.
        tolerance: largest difference of an output from the trained model's, relative for values above 1.
        timeout_seconds: time limit, in seconds.
        budgets: limits on size, memory and latency of the export; none by default.
        warmup: whether one example is pushed with the model, for the server's warm-up.
    """

    num_examples: int = Field(default=64, gt=0)
    num_worst: int = Field(default=16, ge=0)
    tolerance: float = Field(default=1e-4, gt=0, lt=0.1)
    timeout_seconds: int = Field(default=120, gt=0)
    budgets: Budgets = Budgets()
    warmup: bool = True
