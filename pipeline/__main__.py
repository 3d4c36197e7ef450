"""``python -m pipeline``."""

import signal
import sys

from pipeline.running.interrupts import Interrupts
from pipeline.running.last_resort import LastResort


def _run() -> int:
    with Interrupts():
        # Inside: the imports take seconds, in which a signal may come.
        from pipeline.cli import main

        return main()


def _ignore(number: int, frame: object) -> None:
    """The command has ended, and its exit code stands. The last resort still learns of the signal."""


if __name__ == "__main__":
    last_resort = LastResort()
    try:
        code = _run()
    except KeyboardInterrupt as interrupt:
        last_resort.end(interrupt)
        raise
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, _ignore)
    sys.exit(code)
