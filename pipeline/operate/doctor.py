"""``python -m pipeline doctor``: what is wrong with a run folder, and repairs."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.environment import quiet_tensorflow
from pipeline.running import console as terminal
from pipeline.running.folder import disk
from pipeline.running.folder.run_folder import RunFolderBusy, exclusive
from pipeline.running.recovery import examination
from pipeline.running.recovery.problems import Problem

if TYPE_CHECKING:
    from tfx.orchestration.pipeline import Pipeline

HEALTHY, BUSY, ILL = 0, 1, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own flags."""
    parser.add_argument("--repair", action="store_true", help="repair what can be repaired")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


@dataclass(frozen=True, kw_only=True)
class Examined:
    """A problem, and whether it has been repaired."""

    problem: Problem
    repaired: bool = False

    def line(self) -> str:
        """The problem as text."""
        problem = self.problem
        state = "repaired" if self.repaired else "can be repaired" if problem.repair else "not repaired"
        return f"{problem.where} {problem.what} ({state}: {problem.fix})"

    def as_json(self) -> dict[str, object]:
        """The problem for programs."""
        problem = self.problem
        return {
            "kind": problem.kind,
            "where": problem.where,
            "what": problem.what,
            "fix": problem.fix,
            "repairable": problem.repair is not None,
            "repaired": self.repaired,
        }


def run(config: Config, options: argparse.Namespace) -> int:
    """Print what is wrong, and repair it if asked to.

    Returns:
        0 if nothing is wrong or all of it is repaired, 3 otherwise, 1 if a run is under way.

    Raises:
        ConfigError: the run folder cannot be written.
    """
    folder = config.run_folder
    found: list[Examined] = []
    if folder.is_dir():
        quiet_tensorflow(verbose=options.verbose)
        log_file = folder / "logs" / f"doctor-{datetime.now():%Y%m%d-%H%M%S}.log"
        try:
            disk.check_writable(folder)
            with exclusive(folder), terminal.quiet(log_file, verbose=options.verbose):
                found = list(_examine(config, repair=options.repair))
        except disk.NotWritable as error:
            raise ConfigError(str(error)) from None
        except RunFolderBusy as error:
            print(error, file=sys.stderr)
            return BUSY
    left = [one for one in found if not one.repaired]
    if options.json:
        problems = [one.as_json() for one in found]
        print(json.dumps({"run_folder": str(folder), "healthy": not left, "problems": problems}, indent=2))
    else:
        _print(folder=str(folder), found=found, left=left)
    return ILL if left else HEALTHY


def _examine(config: Config, *, repair: bool) -> Iterator[Examined]:
    """Each problem is repaired before the next is looked for, which may depend on it."""

    def build() -> Pipeline:
        from pipeline import dag

        return dag.build(config).pipeline

    for problem in examination.examine(config, build=build):
        examined = Examined(problem=problem)
        if repair and problem.repair:
            problem.repair()
            examined = replace(examined, repaired=True)
        yield examined


def _print(*, folder: str, found: list[Examined], left: list[Examined]) -> None:
    for one in found:
        print(one.line())
    if not found:
        print(f"{folder}: nothing is wrong.")
    elif not left:
        print(f"{folder}: all is repaired.")
    elif repairable := sum(one.problem.repair is not None for one in left):
        print(f"`python -m pipeline doctor --repair` with the same config repairs {repairable} of {len(found)}.")
