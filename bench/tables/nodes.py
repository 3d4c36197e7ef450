"""What each node of a run costs: the run's lines are read as they come, and the process's counts at each."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.measure import cpu_seconds, memory_mb

ROOT = Path(__file__).resolve().parents[2]
# The name of what comes before the first node.
START = "start"
_NODE = re.compile(r"[✓=✗] (\w+) +[\d.]+ s")
_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a node costs.

    Attributes:
        cpu: CPU seconds, of the whole process.
        peak_mb: the largest sample of the memory, in 10^6 bytes.
    """

    cpu: float
    peak_mb: float


def pipeline(folder: Path, *words: str) -> dict[str, Cost]:
    """Run a command of the pipeline in ``folder``, and return what each of its nodes costs.

    Raises:
        SystemExit: the command failed.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "pipeline", *words]
    costs, lines = {}, []
    with (
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
        _Watch(psutil.Process(process.pid)) as watch,
    ):
        for line in process.stdout or ():
            lines.append(line)
            if name := node_of(line) or (START if len(lines) == 1 else None):
                costs[name] = watch.lap()
    if process.returncode:
        raise SystemExit(f"python -m pipeline {' '.join(words)}\n{''.join(lines)[-4000:]}")
    return costs


def node_of(line: str) -> str | None:
    """The node that a line of a run's output says has ended; None if it says something else."""
    found = _NODE.match(line)
    return found[1] if found else None


class _Watch:
    """Counts a process's CPU, and samples its memory in a thread."""

    def __init__(self, process: psutil.Process):
        self._process = process
        self._before = self._peak = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def lap(self) -> Cost:
        """What it cost since the last lap."""
        # A process that has ended has no counts.
        cpu = max(cpu_seconds([self._process]), self._before)
        peak = max(self._peak, memory_mb([self._process]))
        cost = Cost(cpu=cpu - self._before, peak_mb=peak)
        self._before, self._peak = cpu, 0.0
        return cost

    def _sample(self) -> None:
        while not self._ended.wait(_SECONDS):
            self._peak = max(self._peak, memory_mb([self._process]))
