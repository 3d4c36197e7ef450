"""An embedded server in a process of its own, started with the flags a person would give."""

from __future__ import annotations

import os
import re
import signal
import urllib.request
from pathlib import Path

import pytest

from serving.processes import process_context
from serving.server import cli

_START_SECONDS = 60.0
_METRICS = "/monitoring/prometheus/metrics"


class RunningServer:
    """``serving.server`` on free ports of this machine. Use as a context manager; it stops by SIGTERM.

    Args:
        flags: as on the command line; ``--port 0`` is put before them.
        log: gets what the server prints.
        monitoring: gets a config file that lets `answered` count; None: nothing is counted.
    """

    def __init__(self, *flags: str, log: Path | None = None, monitoring: Path | None = None):
        self._flags = ["--port", "0", *map(str, flags)]
        if monitoring:
            monitoring.write_text(f'prometheus_config {{ enable: true path: "{_METRICS}" }}')
            self._flags += ["--rest_api_port=-1", f"--monitoring_config_file={monitoring}"]  # part: rest
        self._log = log

    def __enter__(self) -> RunningServer:
        context = process_context()
        receiver, sender = context.Pipe(duplex=False)
        self.process = context.Process(target=_serve, args=(self._flags, self._log, sender), daemon=True)
        self.process.start()
        sender.close()
        try:
            assert receiver.poll(_START_SECONDS), "the server did not start in time"
            listening = receiver.recv()
        except BaseException:
            self.process.kill()
            raise
        self.target: str = listening.grpc
        self.rest: str | None = listening.others.get("REST")
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.is_alive():
            self.terminate()
        self.process.join(30)
        self.process.kill()

    def answered(self, model: str) -> int:
        """How many requests for a model ended well."""
        if not self.rest:
            pytest.skip("the metrics are served over REST")
        with urllib.request.urlopen(f"http://{self.rest}{_METRICS}", timeout=30) as answer:
            counts = re.findall(f'request_count{{model_name="{model}", ?status="OK"}} (\\S+)', answer.read().decode())
        return int(float(counts[0])) if counts else 0

    def terminate(self) -> None:
        """SIGTERM; returns at once."""
        os.kill(self.process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.process.kill()
        self.process.join()


def _serve(flags, log, sender) -> None:
    if log:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
    raise SystemExit(cli.main(flags, sender.send))
