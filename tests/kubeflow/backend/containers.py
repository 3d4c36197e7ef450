"""Containers without a container runtime: the command line that a backend would start, in a process of its own.

A process starts Python afresh, as a container does, or is forked off a server that has imported TFX once; then only the
import is spared, and the module runs as ``python -m`` would run it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Protocol

_SECONDS = 900.0
_POLL_SECONDS = 0.02

# What the containers import, but for the module that they run.
_PRELOADED = [
    "trainer",
    "kubeflow.container.invocation",
    "pipeline.beam.quick_nodes",
    "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor",
    "components.example_gen.fingerprint",
    "components.example_gen.executor",
    "tfx.components.statistics_gen.executor",
    "tfx.components.schema_gen.import_schema_gen.executor",
    "tfx.components.example_validator.executor",
    "tfx.components.transform.executor",
    "tfx.components.trainer.executor",
    "components.evaluator.component",
    "components.gates.infra_validator",
    "components.gates.model_gate",
    "components.gates.data.data_gate",
    "components.push.pusher",
    "components.push.champion_folder",
    "components.exit_notice",
    "trainer.run_fn",
    "trainer.preprocessing",
]


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a container runs.

    Attributes:
        words: the command line.
        environment: all of the environment.
        folder: the image's working directory.
        log: a file that gets stdout and stderr.
    """

    words: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path


class Container(Protocol):
    """A running container."""

    def wait(self, seconds: float) -> int | None:
        """Its exit code, or None while it runs."""

    @property
    def pid(self) -> int:
        """Of its first process."""


class _Fresh:
    def __init__(self, command: Command):
        with command.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable if command.words[0] == "python" else command.words[0], *command.words[1:]],
                cwd=command.folder,
                env=dict(command.environment),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def wait(self, seconds: float) -> int | None:
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


class _Forked:
    def __init__(self, command: Command):
        self._process = _FORKS.context().Process(target=_run_module, args=(command,))
        self._process.start()
        self.pid = self._process.pid

    def wait(self, seconds: float) -> int | None:
        self._process.join(seconds)
        return self._process.exitcode


class _Forks:
    """The server that has imported TFX. A process has one; what another test started has not, and is stopped."""

    def __init__(self):
        self._pid: int | None = None

    def context(self) -> BaseContext:
        context = multiprocessing.get_context("forkserver")
        server = forkserver._forkserver  # noqa: SLF001 (as Python's own tests stop it)
        if server._forkserver_pid not in (None, self._pid):  # noqa: SLF001
            # It ends by itself only after all that it has started.
            os.kill(server._forkserver_pid, signal.SIGKILL)  # noqa: SLF001
            server._stop()  # noqa: SLF001
        context.set_forkserver_preload(_PRELOADED)
        forkserver.ensure_running()
        self._pid = server._forkserver_pid  # noqa: SLF001
        return context


_FORKS = _Forks()


def _run_module(command: Command) -> None:
    os.setsid()
    log = os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.chdir(command.folder)
    os.environ.clear()
    os.environ.update(command.environment)
    # The server may have looked at TMPDIR already.
    tempfile.tempdir = None
    _, _, module, *arguments = command.words
    sys.argv = [module, *arguments]
    sys.path.insert(0, str(command.folder))
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def start(command: Command, *, fresh: bool) -> Container:
    """Start a container; ``fresh`` starts Python afresh."""
    return _Fresh(command) if fresh or command.words[:2] != ["python", "-m"] else _Forked(command)


def run(command: Command, *, fresh: bool, stop_when: Callable[[str], bool] | None = None) -> int:
    """Run a container to its end and return its exit code.

    Args:
        command: what it runs.
        fresh: see `start`.
        stop_when: kills it once it says so of its log, as a machine's loss would.
    """
    container = start(command, fresh=fresh)
    code, end = None, time.monotonic() + _SECONDS
    while code is None and time.monotonic() < end and not (stop_when and stop_when(_text(command.log))):
        code = container.wait(_POLL_SECONDS)
    # A container ends with all of its processes.
    kill(container.pid)
    return container.wait(10.0)


def _text(log: Path) -> str:
    return log.read_text(errors="replace") if log.exists() else ""


def kill(group: int) -> None:
    """End a container with all of its processes."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
