"""The places where the Beam stages run: the process itself, or an engine that is started for one measurement.

A fresh engine for each: what one job leaves in a JVM's heap or in a worker is not measured with the next.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.measure import Program
from bench.scale.plan import ROOT

# The runners without an engine, and their profiles.
_IN_PROCESS = {"in_memory": "local", "multi_processing": "multi_processing"}
_SPARK_WORKERS = 2
_STOP_SECONDS = 60


class EngineFailed(Exception):
    """An engine did not start; the text is the end of what it printed."""


@dataclass(frozen=True, kw_only=True)
class BeamTarget:
    """Somewhere to run.

    Attributes:
        profile: name of the pipeline's profile.
        overrides: config keys with their values, ``key=value``.
        programs: running programs that work for the stage.
    """

    profile: str
    overrides: Sequence[str] = ()
    programs: Sequence[Program] = ()


@dataclass(frozen=True)
class _Engine:
    """The programs that ``python -m tests.engines`` has started."""

    process: subprocess.Popen[str]

    @property
    def tree(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@contextmanager
def start(runner: str, *, folder: Path) -> Iterator[BeamTarget]:
    """The target for ``runner``, which exists as long as the context is open.

    Args:
        runner: one of `bench.scale.plan.RUNNERS`.
        folder: folder for the logs of the engine's programs.

    Raises:
        EngineFailed: the engine does not start.
    """
    if runner in _IN_PROCESS:
        yield BeamTarget(profile=_IN_PROCESS[runner])
        return
    name, workers = _engine(runner)
    with (folder / "engine.log").open("w+") as log:
        process = subprocess.Popen(
            [*_command(name, workers), "--folder", str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        # Leaving the context closes standard input, upon which the engine stops, and waits for it.
        with process:
            endpoints = process.stdout.readline() if process.stdout else ""
            if not endpoints:
                process.wait(_STOP_SECONDS)
                log.seek(0)
                raise EngineFailed(log.read().strip()[-300:])
            overrides = [f"beam.{key}={value}" for key, value in json.loads(endpoints).items()]
            if name == "flink":
                overrides.append(f"beam.parallelism={workers}")
            yield BeamTarget(profile=name, overrides=overrides, programs=[_Engine(process)])


def missing(runner: str) -> str | None:
    """Why ``runner`` cannot be started here; None where it can."""
    if runner in _IN_PROCESS:
        return None
    done = subprocess.run(
        [*_command(*_engine(runner)), "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stderr.strip() or None


def _engine(runner: str) -> tuple[str, int]:
    """The name of the engine and the number of its workers: ``flink2`` is Flink with two."""
    name = runner.rstrip("0123456789")
    return name, int(runner[len(name) :] or (_SPARK_WORKERS if name == "spark" else 1))


def _command(engine: str, workers: int) -> list[str]:
    # A process of its own: benchmarks import nothing from the tests.
    return [sys.executable, "-m", "tests.engines", engine, f"--workers={workers}"]
