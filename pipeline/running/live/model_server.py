"""A model server in a process of its own, for as long as a run lasts."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from serving.processes import process_context
from serving.server import cli

_START_SECONDS = 60.0
_STOP_SECONDS = 15.0


class ServerNotReady(Exception):
    """The server ended, or did not serve in time."""


class ModelServer:
    """Runs ``serving.server`` on a free port of this machine. Use as a context manager.

    Args:
        model_name: the name to serve under.
        base_path: the serving folder; it may be empty at first.
    """

    def __init__(self, *, model_name: str, base_path: Path):
        self._flags = ["--port", "0", "--model_name", model_name, "--model_base_path", str(base_path)]
        self._flags += ["--file_system_poll_wait_seconds", "0.1"]

    def __enter__(self) -> ModelServer:
        context = process_context()
        self._ready, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=_serve, args=(self._flags, sender), daemon=True)
        self._process.start()
        sender.close()
        return self

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.join(_STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._ready.close()

    def target(self) -> str:
        """``host:port``, once the server listens.

        Raises:
            ServerNotReady: it ended or took too long.
        """
        try:
            if self._ready.poll(_START_SECONDS):
                return self._ready.recv().grpc
        except EOFError:
            pass
        raise ServerNotReady(f"the model server did not start within {_START_SECONDS:.0f} s")


def _serve(flags: list[str], ready: Connection) -> None:
    # Ctrl-C goes to every process of the terminal; the run decides when its server ends.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cli.main(flags, ready.send)


def _end_with_parent() -> None:
    """A run that is killed cannot stop its server."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
