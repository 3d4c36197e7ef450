"""SIGKILL at random moments of real runs: ``python -m tests.e2e.run_folder.kills --times N --seed S``.

Each round has other data, so that every node has something to do; the run is killed at a moment between its start and
its end, and is run again plainly. Exit code 1 if a re-run fails, or finds or leaves something half made.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from ml_metadata.proto import metadata_store_pb2

from pipeline.running import metadata
from pipeline.running.recovery.executions import unfinished_files
from serving.versions import version_folders
from tests.e2e.projects.small import SmallProject, write_rows

_PAUSE = 0.005
_SYSTEM = "system"


class Watch:
    """Looks at the serving folder as a model server does, only more often: a version must never change.

    Attributes:
        changed: the versions that were not complete when they appeared.
    """

    def __init__(self, serving: Path):
        self.changed: list[int] = []
        self._serving = serving
        self._seen: dict[int, object] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        self.check()

    def check(self) -> None:
        for version, folder in self._versions().items():
            if self._seen.setdefault(version, version_folders.fingerprint(folder)) != version_folders.fingerprint(
                folder
            ):
                self.changed.append(version)

    def _look(self) -> None:
        while not self._over.wait(_PAUSE):
            for version in self._versions().keys() - self._seen.keys():
                self._seen[version] = version_folders.fingerprint(self._versions()[version])

    def _versions(self) -> dict[int, Path]:
        return version_folders.find(self._serving) if self._serving.is_dir() else {}


class Kills:
    """Rounds of a kill and a re-run in one project."""

    def __init__(self, folder: Path, *, seed: int):
        # What lands in the system's temporary folder instead of the run folder has to be seen.
        self._system = folder / _SYSTEM
        self._system.mkdir()
        self._project = SmallProject(folder / "project")
        self._random = random.Random(seed)
        self._seconds = 0.0

    def first_run(self) -> None:
        """An undisturbed run, which tells how long one takes."""
        began = time.monotonic()
        outcome = self._project.run()
        assert outcome.code == 0, outcome.err
        self._seconds = time.monotonic() - began

    def round(self, number: int) -> tuple[str, list[str]]:
        """One kill and one re-run; returns where the kill was, and what is wrong."""
        write_rows(self._project.folder / "data" / "small" / "rows.csv", count=900 + number)
        seconds = self._random.uniform(0, self._seconds)
        with Watch(self._project.serving_folder) as watch:
            process = self._project.start()
            time.sleep(seconds)
            ended = process.poll() is not None
            process.kill()
            lines = [line for line in process.communicate()[0].splitlines() if line.strip()]
            outcome = self._project.run()
        where = f"after {seconds:.1f} s of {self._seconds:.1f}, after '{lines[-1][:40] if lines else ''}'"
        wrong = [f"the re-run ended with {outcome.code}: {outcome.err[:300]}"] if outcome.code else []
        wrong += [f"version {version} was served half" for version in watch.changed]
        return ("ended before the kill" if ended else where), [*wrong, *self._left()]

    def _left(self) -> Iterator[str]:
        folder = self._project.run_folder
        executions = metadata.open_store(folder / "metadata.sqlite").get_executions()
        unfinished = (metadata_store_pb2.Execution.NEW, metadata_store_pb2.Execution.RUNNING)
        yield from (f"execution {one.id} is unfinished" for one in executions if one.last_known_state in unfinished)
        failed = {str(one.id) for one in executions if one.last_known_state == metadata_store_pb2.Execution.FAILED}
        places = [*(folder / "tmp").iterdir(), *self._system.iterdir(), *folder.glob("serving/*/.stage-*")]
        yield from (f"{path} is left" for path in [*places, *unfinished_files(folder / "artifacts", failed)])


def run(*, times: int, seed: int) -> int:
    """So many rounds; returns the number of those in which something was wrong."""
    with (
        tempfile.TemporaryDirectory(prefix="k", ignore_cleanup_errors=True) as folder,
        mock.patch.dict(os.environ, TMPDIR=f"{folder}/{_SYSTEM}"),
    ):
        kills = Kills(Path(folder), seed=seed)
        kills.first_run()
        bad = 0
        for number in range(1, times + 1):
            where, wrong = kills.round(number)
            print(f"{number}: {where}: {'; '.join(wrong) or 'fine'}", flush=True)
            bad += bool(wrong)
    return bad


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.run_folder.kills", description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()), help="decides the moments; the time if left out")
    options = parser.parse_args()
    bad = run(times=options.times, seed=options.seed)
    print(f"{options.times} kills, seed {options.seed}: {bad} with something wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
