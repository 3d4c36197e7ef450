"""Ends the process after a signal when nothing else does: C++ code that never returns, a thread that is waited for."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pipeline.running.interrupts import MESSAGE, Interrupts, Terminated, exit_code

# What an orderly end may take, and what a training may take that saves a checkpoint first.
_SECONDS = 5.0
_TRAINING_SECONDS = 25.0
_SHOW_CURSOR = "\x1b[?25h\r"
_INTERRUPTS = {signal.SIGINT: KeyboardInterrupt(), signal.SIGTERM: Terminated()}


class LastResort:
    """A thread that learns of every signal from the system, not from the main thread, which may be busy.

    It ends the process some seconds after Ctrl-C or SIGTERM, and at once after a second Ctrl-C. It stays until the
    process ends: the end can hang, too.
    """

    def __init__(self):
        # A run sends file descriptor 2 to its log.
        self._terminal = os.dup(2)
        self._signals, sent = os.pipe()
        os.set_blocking(sent, False)
        signal.set_wakeup_fd(sent, warn_on_full_buffer=False)
        threading.Thread(target=self._wait, name="last_resort", daemon=True).start()

    def end(self, interrupt: KeyboardInterrupt) -> None:
        """End the process and its children now, with one line. Threads and destructors have no say."""
        with suppress(OSError):
            sys.stdout.flush()
        with suppress(OSError):
            cursor = _SHOW_CURSOR if os.isatty(self._terminal) else ""
            os.write(self._terminal, f"{cursor}{MESSAGE}\n".encode())
        kill_children()
        os._exit(exit_code(interrupt))

    def _wait(self) -> None:
        deadline, first = None, None
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([self._signals], [], [], left)
            if not ready and first is not None:
                self.end(_INTERRUPTS[first])
            for number in os.read(self._signals, 16) if ready else b"":
                if number not in _INTERRUPTS:
                    continue
                if first is None:
                    first, deadline = signal.Signals(number), time.monotonic() + _seconds(number)
                elif number == signal.SIGINT:
                    self.end(_INTERRUPTS[first])


def _seconds(number: int) -> float:
    """While the trainer handles the signal itself, it saves a checkpoint."""
    handler = signal.getsignal(number)
    ours = isinstance(getattr(handler, "__self__", None), Interrupts)
    return _SECONDS if ours else _TRAINING_SECONDS


def kill_children() -> None:
    """Kill all processes that this one has started, and theirs.

    Without psutil: on a busy machine its import takes seconds, and there are none left.
    """
    for child in _descendants(os.getpid()):
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


def _descendants(process: int) -> Iterator[int]:
    for thread in Path("/proc", str(process), "task").glob("*/children"):
        # A thread or a process may have ended since.
        with suppress(OSError):
            for child in map(int, thread.read_text().split()):
                yield from _descendants(child)
                yield child
