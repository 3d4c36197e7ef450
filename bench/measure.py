"""What a command costs, together with programs that are already running and work for it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

_INTERVAL_SECONDS = 0.2
# Reading the memory of many large processes takes time: the share of a core it may use.
_SHARE_OF_A_CORE = 0.1
_TAIL = 8


class Program(Protocol):
    """A running program."""

    @property
    def tree(self) -> list[psutil.Process]:
        """The processes of the program."""
        ...


class Failed(Exception):
    """The command failed; the message is one line."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost of one command.

    Attributes:
        wall_s: seconds from start to end.
        cpu_s: user and system seconds of the command and all programs.
        peak_mb: peak of the summed memory, in 10^6 bytes; shared pages count once.
        idle_mb: summed memory of the programs before the command, in 10^6 bytes.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    idle_mb: float


def measure(
    command: Sequence[str],
    *,
    programs: Sequence[Program] = (),
    log: Path,
    limit_seconds: float,
    folder: Path,
    environment: Mapping[str, str],
) -> Cost:
    """Run ``command`` to its end.

    The command's CPU is what the kernel counted for it and all descendants that were waited for. That of the programs,
    which keep running, is the growth of their processes' own times and of those of the children that they waited for:
    this includes workers that come and go between two samples.

    Raises:
        Failed: it exited with a code other than 0, or not within the limit.
    """
    idle = memory_mb(_processes(programs))
    programs_before, command_before = cpu_seconds(_processes(programs)), _children_seconds()
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            peak = _watch(process, programs, deadline=start + limit_seconds)
        except BaseException:
            _end(process)
            raise
        wall = time.perf_counter() - start
    if peak is None:
        _end(process)
        raise Failed(f"not done after {limit_seconds / 60:g} minutes")
    if process.returncode:
        raise Failed(f"exit code {process.returncode}: {_last_words(log)}")
    cpu = _children_seconds() - command_before + cpu_seconds(_processes(programs)) - programs_before
    return Cost(wall_s=round(wall, 2), cpu_s=round(cpu, 2), peak_mb=round(peak), idle_mb=round(idle))


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """User and system seconds of processes and of the children that they waited for."""
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def memory_mb(processes: Iterable[psutil.Process]) -> float:
    """The proportional set sizes of processes: a page of several processes is divided among them."""
    total = 0
    for process in processes:
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total / 1e6


def _watch(process: subprocess.Popen, programs: Sequence[Program], *, deadline: float) -> float | None:
    """The peak of the memory until the process ends; None if it has not ended by the deadline."""
    peak = 0.0
    while time.perf_counter() < deadline:
        start = time.perf_counter()
        peak = max(peak, memory_mb([*_tree(process.pid), *_processes(programs)]))
        took = time.perf_counter() - start
        try:
            process.wait(max(_INTERVAL_SECONDS, took / _SHARE_OF_A_CORE))
        except subprocess.TimeoutExpired:
            continue
        return peak
    return None


def _processes(programs: Iterable[Program]) -> list[psutil.Process]:
    return [process for program in programs for process in program.tree]


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _end(process: subprocess.Popen) -> None:
    """Kill the command and all that it started, including workers in sessions of their own."""
    tree = _tree(process.pid)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    for member in tree:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-_TAIL:])[-600:] if lines else "no output"
