"""Ctrl-C that is not lost: TensorFlow swallows a KeyboardInterrupt that is raised inside one of its destructors."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType


class Interrupts:
    """Remembers that Ctrl-C was pressed. Use as a context manager, in the main thread."""

    def __init__(self):
        self._pressed = False

    def __enter__(self) -> Interrupts:
        self._former = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._former)

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed, now or earlier."""
        if self._pressed:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._pressed = True
        raise KeyboardInterrupt
