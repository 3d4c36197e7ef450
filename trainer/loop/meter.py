"""Adds up what the compiled calls return, between two reports."""

from __future__ import annotations

import time

from trainer.data.batches import Call
from trainer.loop.step import Sums

# A long training reports each second, a short one so many times.
_SECONDS_PER_REPORT = 1.0
_REPORTS = 50


class Meter:
    """Sums, time, and whether somebody asked to stop.

    Args:
        step: steps done so far.
        batch_size: examples per step, over all replicas.
    """

    def __init__(self, step: int, *, batch_size: int):
        self._batch_size = batch_size
        self.step = step
        self.stop = False
        self.sums = Sums()
        self._steps = 0
        self._since_step = step
        self.restart()

    def restart(self) -> None:
        """Start the clock anew, after something that was not training."""
        self._since = time.perf_counter()

    def add(self, call: Call, sums: Sums) -> None:
        """Count a call."""
        self.sums += sums
        self.stop = self.stop or sums.stop > 0
        self._steps += call.steps
        self.step = call.end

    def is_due(self, step: int, total: int) -> bool:
        """Whether it is time for a report."""
        late = time.perf_counter() - self._since > _SECONDS_PER_REPORT
        return late or (step - self._since_step) * _REPORTS >= total

    def take(self) -> tuple[Sums, int, float]:
        """The sums since the last report, over how many steps, and examples per second; begins anew."""
        rate = self._steps * self._batch_size / max(time.perf_counter() - self._since, 1e-9)
        taken = self.sums, self._steps, rate
        self.sums, self._steps, self._since_step = Sums(), 0, self.step
        self.restart()
        return taken
