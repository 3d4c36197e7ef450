"""What the data must be like."""

from __future__ import annotations

from typing import Literal

from trainer.parameters import Strict


class DataGate(Strict):
    """Which data anomalies stop a run.

    Attributes:
        fail_on: the lowest severity that stops it.
        allow: anomalies that never stop it: ``feature`` or ``feature:REASON``, as the refusal prints them.
    """

    fail_on: Literal["error", "warning"] = "error"
    allow: tuple[str, ...] = ()
