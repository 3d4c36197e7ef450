"""All taxi rows in batch, through the command line, with the model that the first run pushed: the same as over gRPC."""

from __future__ import annotations

import csv
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from serving.client import Client
from tests.e2e.projects.project import Project
from tests.serving.support.running import RunningServer

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]
# Enough rows that a signal arrives while they are scored.
MANY = 60


@pytest.fixture(scope="module")
def answers(project, first) -> np.ndarray:
    """What the server says to the rows of the file, as a client reads them."""
    with (project.folder / "data/taxi/trips.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    flags = ("--model_name=taxi", f"--model_base_path={project.serving_folder}")
    with RunningServer(*flags) as server, Client(server.target, timeout=60) as client:
        return client.predict("taxi", rows, chunk_rows=1000)["probability"][:, 0]


@pytest.mark.parametrize(
    "flags",
    [pytest.param((), id="in_memory"), pytest.param(("--profile", "multi_processing"), id="multi_processing")],
)
def test_all_taxi_rows_in_batch_are_answered_as_over_grpc(project: Project, answers, tmp_path, flags):
    outcome = project.command(
        "pipeline", "predict-batch", "--input", "data/taxi", "--output", str(tmp_path / "out"), *flags
    )
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"{tmp_path}/out: 15,002 rows by version ")
    found = pq.read_table(tmp_path / "out")
    assert found["row"].to_pylist() == list(range(1, 15_003))
    np.testing.assert_allclose(found["probability"].to_numpy(), answers, atol=1e-6)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_an_interrupted_run_leaves_nothing_that_looks_like_an_output(project: Project, first, tmp_path, number, code):
    (tmp_path / "in").mkdir()
    for index in range(MANY):
        shutil.copy(project.folder / "data/taxi/trips.csv", tmp_path / "in" / f"{index}.csv")
    words = ("predict-batch", "--input", str(tmp_path / "in"), "--output", str(tmp_path / "out"))
    process = project.popen(*words)
    hidden = tmp_path / ".out.unfinished"
    _wait_for(hidden, process)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    # Of a process that was killed at once, the hidden folder stays until the next one.
    assert sorted(path.name for path in tmp_path.iterdir()) == [*([hidden.name] if code < 0 else []), "in"]
    for path in list((tmp_path / "in").iterdir())[1:]:
        path.unlink()
    assert project.command("pipeline", *words).code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
    assert pq.read_table(tmp_path / "out").num_rows == 15_002


def _wait_for(folder: Path, process: subprocess.Popen) -> None:
    """Until the first file of answers is whole."""
    deadline = time.monotonic() + 180
    while not list(folder.glob("predictions-*.parquet")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
