"""Server processes pinned to a core, and their CPU time. Linux only (``/proc``)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 90.0
_STOP_SECONDS = 20.0


def cores() -> tuple[int, int]:
    """A core for the servers and one for the load; the same one if there is only one."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and all its living descendants."""
    return sum(ticks for _, ticks in _family(pid).values()) / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> dict[int, tuple[int, int]]:
    """Parent and CPU ticks of a process and all its living descendants."""
    everybody = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in brackets, may hold blanks; parent, utime and stime are fields 4, 14 and 15 (man 5 proc).
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        everybody[int(path.parent.name)] = int(fields[1]), int(fields[11]) + int(fields[12])
    family = {pid} & set(everybody)
    while more := {child for child, (parent, _) in everybody.items() if parent in family} - family:
        family |= more
    return {member: everybody[member] for member in family}


class ServerProcess:
    """A server in its own process. Use as a context manager; it is stopped by SIGTERM.

    Args:
        name: name in error messages.
        command: program and arguments; it prints a line with its address when it is ready.
        core: index of the CPU core for it and its children.
        starts_anywhere: True to pin it only once it is ready, for a server that does not start on one core.
        environment: variables added to this process's environment.

    Attributes:
        pid: process id.
        line: the line that it printed.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        core: int,
        starts_anywhere: bool = False,
        environment: dict[str, str] | None = None,
    ):
        self._name, self._command = name, [str(part) for part in command]
        self._core, self._starts_anywhere = core, starts_anywhere
        self._environment = {**os.environ, **(environment or {})}

    def __enter__(self) -> ServerProcess:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in __exit__)
        own = os.sched_getaffinity(0)
        # A child inherits the affinity and sizes its thread pools by it; setting it later would be too late.
        os.sched_setaffinity(0, own if self._starts_anywhere else {self._core})
        try:
            self._process = subprocess.Popen(
                self._command,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=self._environment,
                cwd=_ROOT,
                start_new_session=True,
            )
        finally:
            os.sched_setaffinity(0, own)
        self.pid = self._process.pid
        return self

    def wait_until_ready(self) -> None:
        """Return once it has printed its line.

        Raises:
            RuntimeError: it exited or printed nothing in time; quotes its last line on standard error.
        """
        alarm = threading.Timer(_START_SECONDS, self._process.kill)
        alarm.start()
        self.line = self._process.stdout.readline().decode().strip()
        alarm.cancel()
        if not self.line:
            self._errors.seek(0)
            errors = self._errors.read().decode(errors="replace").strip().splitlines()
            raise RuntimeError(f"{self._name} did not start: {errors[-1] if errors else 'no output'}")
        if self._starts_anywhere:
            self._pin()

    def _pin(self) -> None:
        for member in _family(self.pid):
            with suppress(OSError):
                for task in Path(f"/proc/{member}/task").iterdir():
                    os.sched_setaffinity(int(task.name), {self._core})

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.stdout.close()
        self._errors.close()


def module(name: str, *arguments: object) -> list[str]:
    """The command that runs a module with this interpreter."""
    return [sys.executable, "-m", name, *map(str, arguments)]
