"""Ctrl-C and SIGTERM that are not lost.

The exception that a signal's handler raises can get lost: TensorFlow swallows it in a destructor, Beam and an import of
C code turn it into another one. `Interrupts` remembers the signal, and ends as it asked, whatever happened to the
exception. Imports only what is light: a signal during the imports must find the handler in place.
"""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

from trainer.distribution.preemption import RESUMABLE_EXIT_CODE

# Recorded as the reason of the node that an interrupt ended.
REASON = "interrupted"
MESSAGE = "interrupted; nothing is half-pushed, and the next run resumes after the last finished node."
# The shell's convention: 128 and the number of the signal.
CTRL_C_EXIT_CODE = 128 + signal.SIGINT


class Terminated(KeyboardInterrupt):
    """SIGTERM came: the machine is being taken away; the run can resume later."""


_EXCEPTIONS = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """75 for SIGTERM, 130 for Ctrl-C."""
    return RESUMABLE_EXIT_CODE if isinstance(interrupt, Terminated) else CTRL_C_EXIT_CODE


class Interrupts:
    """Raises KeyboardInterrupt on Ctrl-C and `Terminated` on SIGTERM. Use as a context manager, in the main thread.

    Once a signal came, the context ends with its exception, even if the body ended well or with another error.
    """

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
        if not isinstance(error, KeyboardInterrupt):
            self.check()

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed, `Terminated` if SIGTERM came, now or earlier."""
        if self._exception:
            raise self._exception

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        # Once: a second exception would cut the cleaning up short.
        if self._exception is None:
            self._exception = _EXCEPTIONS[signal.Signals(number)]
            self.check()
