"""However a training is spread, it computes what one replica does."""

import json
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.shared.processes import run_python
from tests.trainer.distribution.jobs import free_ports, start
from trainer.distribution.preemption import RESUMABLE_EXIT_CODE

pytestmark = pytest.mark.tensorflow

SCRIPT = "tests.trainer.distribution.strategies"
OPTIONS = {"steps_per_loop": 1, "epochs": 2, "optimizer": {"learning_rate": 0.02, "clip_norm": 0.5, "ema": 0.9}}


def train(where: Path, name: str, devices: int = 1, **options: object) -> Path:
    file = where / f"{name}.npz"
    run_python(SCRIPT, str(file), str(devices), json.dumps({**OPTIONS, **options}))
    return file


def start_workers(folder: Path, *jobs: str, **options: object) -> list[subprocess.Popen]:
    """A cluster of two processes, whose jobs are ``chief`` or ``worker``, with one folder for checkpoints."""
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    cluster = {job: [address for address, its in zip(addresses, jobs, strict=True) if its == job] for job in jobs}
    tasks = [{"type": job, "index": jobs[:place].count(job)} for place, job in enumerate(jobs)]
    words = json.dumps({**OPTIONS, "folder": "shared", **options})
    return [
        start(
            *(str(folder / f"worker{index}.npz"), "1", words),
            module=SCRIPT,
            log=folder / f"worker{index}.log",
            TF_CONFIG=json.dumps({"cluster": cluster, "task": task}),
        )
        for index, task in enumerate(tasks)
    ]


def codes(workers: list[subprocess.Popen]) -> list[int]:
    try:
        return [worker.wait(200) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()


def assert_same(first: Path, second: Path, *, tolerance: float) -> None:
    with np.load(first) as one, np.load(second) as two:
        assert one.files
        for name in one:
            np.testing.assert_allclose(one[name], two[name], atol=tolerance)


def assert_same_training(first: Path, second: Path) -> None:
    assert_same(first, second, tolerance=1e-6)
    losses = [json.loads(path.with_suffix(".json").read_text())["losses"] for path in (first, second)]
    np.testing.assert_allclose(*losses, rtol=1e-5)


@pytest.fixture(scope="module")
def one(tmp_path_factory) -> Path:
    return train(tmp_path_factory.mktemp("one"), "one")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, marks=pytest.mark.slow),
        pytest.param({"jit_compile": True}, marks=pytest.mark.slow),
        pytest.param({"accumulation": 4}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_one_replica_equals_two_replicas(one, tmp_path, options):
    assert_same_training(one, train(tmp_path, "mirrored", devices=2, strategy="mirrored", **options))


@pytest.mark.slow
def test_two_replicas_change_pictures_as_one_does(tmp_path):
    options = {"pictures": True, "augmentation": {"flip": "horizontal", "shift": 0.2, "crop": 0.8}}
    assert_same_training(
        train(tmp_path, "one", **options), train(tmp_path, "mirrored", devices=2, strategy="mirrored", **options)
    )


@pytest.mark.slow
def test_one_replica_equals_two_workers(one, tmp_path):
    # "auto" finds the cluster in TF_CONFIG.
    workers = start_workers(tmp_path, "chief", "worker")
    assert codes(workers) == [0, 0], (tmp_path / "worker0.log").read_text()[-2000:]
    for index in range(2):
        assert_same_training(one, tmp_path / f"worker{index}.npz")
    assert not list((tmp_path / "shared" / "checkpoints").glob("*"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_sigterm_to_one_worker_stops_all_and_they_resume(tmp_path):
    options = {"epochs": None, "steps": 400, "checkpoints": {"every_steps": 20}}
    workers = start_workers(tmp_path, "worker", "worker", **options)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("shared/checkpoints/last/*.index")) and time.monotonic() < deadline:
        time.sleep(0.1)
    workers[1].send_signal(signal.SIGTERM)
    assert codes(workers) == [RESUMABLE_EXIT_CODE] * 2, (tmp_path / "worker0.log").read_text()[-2000:]
    saved = tf.train.latest_checkpoint(str(tmp_path / "shared" / "checkpoints" / "last"))
    assert 0 < int(saved.rpartition("-")[2]) < 400
    assert codes(start_workers(tmp_path, "worker", "worker", **options)) == [0, 0]
    assert_same(train(tmp_path, "one", folder="one", **options), tmp_path / "worker0.npz", tolerance=1e-3)
