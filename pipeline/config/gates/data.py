"""What the data must be like."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import model_validator

from components.gates.data.drift.limits import Limits
from pipeline.config.gates.requests import WithRequests  # part: request_log
from trainer.parameters import Strict


class DataGate(
    WithRequests,  # part: request_log
    Strict,
):
    """Which data anomalies stop a run.

    Attributes:
        fail_on: the lowest severity that stops it.
        allow: anomalies that never stop it: ``feature`` or ``feature:REASON``, as the refusal prints them.
        leaks: whether a column that alone predicts the label too well to be true stops it, or is a notice.
        drift: how far the data may be from those that the served model was trained on, or before the first push from
            the span before.
    """

    fail_on: Literal["error", "warning"] = "error"
    allow: tuple[str, ...] = ()
    leaks: Literal["block", "warn"] = "block"
    drift: Limits = Limits()

    @model_validator(mode="after")
    def _exceptions_hold(self) -> DataGate:
        today = datetime.now(UTC).date()
        for index, exception in enumerate(self.drift.exceptions):
            if not exception.holds(today):
                raise ValueError(
                    f"drift.exceptions.{index}.until: {exception.until} is past, and with it the exception for "
                    f"{exception.column} ({exception.check}: {exception.reason}); drop it, or give a later day"
                )
        return self
