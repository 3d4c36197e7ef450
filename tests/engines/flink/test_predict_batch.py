"""Batch inference on a real Flink cluster: the same answers as in memory, on every task manager."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.engines.equality import run_beam_nodes
from tests.shared.programs import PROJECT

pytestmark = pytest.mark.tensorflow


def test_batch_inference_gives_what_it_gives_in_memory(flink, tmp_path: Path):
    run_beam_nodes("--profile=ci", folder=tmp_path, to="Pusher")
    answers = []
    for name, flags in (("memory", ["--profile=ci"]), ("flink", flink.profile)):
        output = tmp_path / name
        command = [sys.executable, "-m", "pipeline", "predict-batch", "--input", "data/taxi", "--output", str(output)]
        done = subprocess.run(
            [*command, *flags, f"--set=runs={tmp_path}"], cwd=PROJECT, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr
        answers.append(pq.read_table(output).drop_columns(["file"]))
    ours, theirs = answers
    assert theirs["row"].to_pylist() == ours["row"].to_pylist() == list(range(1, 15_003))
    np.testing.assert_allclose(theirs["probability"].to_numpy(), ours["probability"].to_numpy(), atol=1e-6)
