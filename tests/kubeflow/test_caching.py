"""What the backends' caches know of the data: the first nodes of the compiled pipeline, run again as the files change.

All that hangs on ExampleGen is cached with it in `tests.kubeflow.test_kubeflow_run`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.kubeflow.backend.engine import State
from tests.kubeflow.backend.taxi import KubeflowWorld

pytestmark = pytest.mark.tensorflow

_NODES = ("DataFingerprint", "ExampleGen", "StatisticsGen")
_RAN: list[State] = ["SUCCEEDED", "SUCCEEDED", "SUCCEEDED"]
_CACHED: list[State] = ["SUCCEEDED", "CACHED", "CACHED"]


class Days:
    """Trips of several days, and runs that read the newest day."""

    def __init__(self, folder: Path):
        self._world = KubeflowWorld(folder)
        self._data = self._world.image / "data" / "days"
        self._rows = (self._world.image / "data" / "taxi" / "trips.csv").read_text().splitlines(keepends=True)

    def write(self, day: int, *, rows: int) -> Path:
        path = self._data / f"day-{day}" / "trips.csv"
        path.parent.mkdir(parents=True)
        path.write_text("".join(self._rows[: rows + 1]))
        return path

    def run(self) -> tuple[list[State], int]:
        """How the nodes ended, and how many rows the examples hold."""
        run = self._world.run("data.files=day-{SPAN}/*.csv", parameters={"data_path": "data/days"}, nodes=_NODES)
        assert run.tasks["tfx-dag"].state == "SUCCEEDED", run.said()
        counts = json.loads((self._world.files(run, "ExampleGen", "examples") / "rows.json").read_text())
        return [run.tasks[node].state for node in _NODES], counts["read"]


@pytest.mark.slow
def test_example_gen_is_cached_as_long_as_the_files_of_the_newest_span_are_the_same(tmp_path):
    days = Days(tmp_path / "world")
    older, newest = days.write(1, rows=300), days.write(2, rows=400)
    assert days.run() == (_RAN, 400)
    os.utime(older, ns=(1, 1))
    assert days.run() == (_CACHED, 400)
    os.utime(newest, ns=(1, 1))
    assert days.run() == (_RAN, 400)
    days.write(3, rows=500)
    assert days.run() == (_RAN, 500)
