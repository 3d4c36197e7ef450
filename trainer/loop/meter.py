"""Adds up the sums of the compiled calls between two reports."""

from __future__ import annotations

import time

from trainer.data.batches import Call
from trainer.loop.step import Sums

# A long training reports once a second, a short one this many times.
_SECONDS_PER_REPORT = 1.0
_REPORTS = 50


class Meter:
    """Sums, elapsed time, and whether a process asked to stop.

    Args:
        batch_size: int, examples per step over all replicas.
    """

    def __init__(self, *, batch_size: int):
        self._batch_size = batch_size
        self.stop = False
        self.sums = Sums()
        self._steps = 0
        self.restart()

    def restart(self) -> None:
        """Restart the clock, after something that was not training."""
        self._since = time.perf_counter()

    def add(self, call: Call, sums: Sums) -> None:
        """Add a call."""
        self.sums += sums
        self.stop = self.stop or sums.stop > 0
        self._steps += call.steps

    def is_due(self, total: int) -> bool:
        """Whether there is something to report, and it is time to.

        Args:
            total: int, steps of the whole training.
        """
        late = time.perf_counter() - self._since > _SECONDS_PER_REPORT
        return self._steps > 0 and (late or self._steps * _REPORTS >= total)

    def take(self) -> tuple[Sums, int, float]:
        """Reset, and return the sums since the last report, their number of steps, and examples per second."""
        rate = self._steps * self._batch_size / max(time.perf_counter() - self._since, 1e-9)
        taken = self.sums, self._steps, rate
        self.sums, self._steps = Sums(), 0
        self.restart()
        return taken
