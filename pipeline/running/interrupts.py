"""Ctrl-C and SIGTERM that are not lost: TensorFlow swallows an exception that is raised in one of its destructors."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType


class Terminated(KeyboardInterrupt):
    """SIGTERM came: the machine is being taken away; the run can resume later."""


_EXCEPTIONS = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}


class Interrupts:
    """Remembers that Ctrl-C was pressed or SIGTERM came. Use as a context manager, in the main thread."""

    def __init__(self):
        self._exception: type[KeyboardInterrupt] | None = None

    def __enter__(self) -> Interrupts:
        self._former = {number: signal.signal(number, self._note) for number in _EXCEPTIONS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed, `Terminated` if SIGTERM came, now or earlier."""
        if self._exception:
            raise self._exception

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._exception = _EXCEPTIONS[signal.Signals(number)]
        self.check()
