"""Programs that run beside a test: each in a session of its own, with its output in a file, and ended for sure."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

PROJECT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Program:
    """One program and all that it starts.

    Args:
        command: what to run.
        log: where its output goes.
        environment: laid over this process's.
        folder: its working directory.
        namespace: the network namespace it runs in; None is this machine's.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        namespace: str | None = None,
    ):
        prefix = ["ip", "netns", "exec", namespace] if namespace else []
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*prefix, *command],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd=folder,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )

    @property
    def tree(self) -> list[psutil.Process]:
        """The program and what it started, as far as it still runs."""
        try:
            root = psutil.Process(self.process.pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def wait_for(self, text: str, *, seconds: float) -> str:
        """The first line of the log with ``text`` in it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in self.log.read_text(errors="replace").splitlines():
                if text in line:
                    return line
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise self._failure(f"did not say {text!r} within {seconds} s")

    def wait_to_listen(self, port: int, *, seconds: float) -> None:
        """Until something listens on the port, in the program's own network namespace."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            if _listens(port, pid=self.process.pid):
                return
            time.sleep(0.1)
        raise self._failure(f"does not listen on {port} after {seconds} s")

    def _failure(self, words: str) -> RuntimeError:
        ended = self.process.poll() is not None
        return RuntimeError(f"{self.log.stem} {'ended' if ended else words}; it said\n{self.last_words}")

    @property
    def last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def kill(self) -> None:
        """End the program and all that it started, at once."""
        for process in self.tree:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait(10)

    def stop(self) -> None:
        """Ask the program to end; after 5 s, end it."""
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass
        self.kill()


def _listens(port: int, *, pid: int) -> bool:
    listening = "0A"
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        if any(line.split()[3] == listening and line.split()[1].endswith(f":{port:04X}") for line in lines):
            return True
    return False


def wait_for_port(port: int, *, host: str = "127.0.0.1", seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as client:
            client.settimeout(1)
            if client.connect_ex((host, port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"nothing listens on {host}:{port} after {seconds} s")


def python_environment(project: Path = PROJECT) -> dict[str, str]:
    """What a Beam worker pool needs: it starts workers with the first ``python`` on PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "PYTHONPATH": str(project), "TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "0"}
