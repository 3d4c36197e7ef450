"""The embedded model server: TF Serving's gRPC and REST APIs over the same files, where no container can run.

``python -m serving.server --model_name taxi --model_base_path runs/taxi/serving/taxi``. Prints one line with its
addresses when it listens, and exits on SIGTERM or SIGINT after the running requests.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from serving.options import ServerOptions
from serving.part import Part
from serving.server import flags
from serving.server.listening import Listening

_HEALTH_SECONDS = 0.2


class StopSignals:
    """Waits for a signal, in the main thread.

    A handler runs between two instructions of the thread that waits. ``threading.Event.set`` would take a lock that
    ``Event.wait`` may hold there, and wait for itself for ever; ``put`` of a SimpleQueue may interrupt its ``get``.

    Args:
        numbers: the signals.
    """

    def __init__(self, *numbers: int):
        self._arrived: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in numbers:
            signal.signal(number, lambda number, _: self._arrived.put(number))

    def wait(self, seconds: float | None = None) -> bool:
        """Whether a signal came, now or earlier.

        Args:
            seconds: how long to wait at most; None for no limit.
        """
        try:
            self._arrived.get(timeout=seconds)
        except queue.Empty:
            return False
        return True


def serve(options: ServerOptions, parts: Sequence[Part], *, ready: Callable[[Listening], object]) -> int:
    """Serve until a signal arrives.

    Args:
        options: the server's flags.
        parts: its optional parts.
        ready: called once the server listens and has tried to load every model.

    Returns:
        0 after an orderly shutdown, 1 if a port cannot be bound, 2 if a config file is invalid.
    """
    stop = StopSignals(signal.SIGTERM, signal.SIGINT)
    # Native libraries print to file descriptor 2 while they are imported, whatever the log level.
    with _silent_stderr():
        from serving.server.assembly import assemble
    from serving.errors import StatusError

    try:
        running = assemble(options, parts)
    except (ValueError, StatusError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    running.start()
    ready(running.listening())
    while not stop.wait(_HEALTH_SECONDS):
        running.check()
    if not running.stop():
        # Python would wait for the thread of a run that cannot be cancelled; all other requests are answered.
        sys.stdout.flush()
        os._exit(0)
    return 0


@contextmanager
def _silent_stderr() -> Iterator[None]:
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def _announce(listening: Listening) -> None:
    others = "".join(f", {name} at {address}" for name, address in listening.others.items())
    missing = f"; not served yet: {', '.join(listening.missing)}" if listening.missing else ""
    names = ", ".join(listening.models) or "no model"
    print(f"serving {names} at {listening.grpc}{others}{missing}", flush=True)


def main(arguments: Sequence[str] | None = None, ready: Callable[[Listening], object] | None = None) -> int:
    """Parse the flags, so that an invalid one is refused before TensorFlow is imported; then `serve`."""
    options, parts = flags.parse(arguments, description=(__doc__ or "").partition("\n")[0])
    if not options.verbose:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        # It warns that the Session loader is deprecated; TF Serving runs nothing else.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        # It logs a traceback for every request that is not a protobuf; the client gets the error anyway.
        logging.getLogger("grpc").setLevel(logging.CRITICAL)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    return serve(options, parts, ready=ready or _announce)
