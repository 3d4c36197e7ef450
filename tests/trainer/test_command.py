"""``python -m trainer`` says what it does, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shared.models.transformed import write_data
from tests.trainer.distribution.jobs import make_job, write_job

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_terminal_shows_the_progress_and_no_logs_of_libraries(tmp_path):
    write_data(tmp_path)
    job = write_job(make_job(tmp_path, tmp_path / "out"), tmp_path / "job.json")
    # The tests' own environment is quiet already.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "GLOG_"))}
    done = subprocess.run(
        [sys.executable, "-m", "trainer", "--job", str(job)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines
    assert all(line.startswith("epoch ") for line in lines)
