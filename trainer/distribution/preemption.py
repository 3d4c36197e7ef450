"""SIGTERM, with which a cluster takes a machine away: the training saves a checkpoint and can be resumed."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

# EX_TEMPFAIL of sysexits.h: try again later.
RESUMABLE_EXIT_CODE = 75


class Preempted(Exception):
    """The training was stopped, saved a checkpoint, and resumes from it when it is run again.

    Attributes:
        step: int, steps done.
    """

    def __init__(self, step: int):
        super().__init__(f"preempted at step {step}; a checkpoint is saved, and the next run resumes from it")
        self.step = step


class Preemption:
    """Notes SIGTERM while open. Use as a context manager; outside of the main thread it does nothing."""

    def __init__(self):
        self.requested = False

    def __enter__(self) -> Preemption:
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._former = signal.signal(signal.SIGTERM, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._main:
            signal.signal(signal.SIGTERM, self._former)
            if self.requested and error is None:
                # It came too late to stop the training; pass it on to the previous handler.
                signal.raise_signal(signal.SIGTERM)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
