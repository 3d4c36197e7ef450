"""A training that is stopped, in any way, ends as one that was not."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.shared.processes import run_python
from tests.trainer.loop.kills import KILLS, OPTIONS
from tests.trainer.training import fit, make_columns
from trainer.distribution.preemption import RESUMABLE_EXIT_CODE, Preempted

pytestmark = pytest.mark.tensorflow


@pytest.mark.timeout(600)
def test_twenty_kills_at_random_moments_change_nothing(tmp_path):
    done = json.loads(run_python("tests.trainer.loop.kills", str(tmp_path), timeout=500).stdout.splitlines()[-1])
    assert done["kills"] == KILLS
    assert 0 < done["checkpoint_before_the_last"] < 600
    whole, killed = (json.loads((tmp_path / name / "end.json").read_text()) for name in ("whole", "killed"))
    assert killed["evaluation"] == whole["evaluation"]
    # Not ">": the last kill may have come after the files of a checkpoint were there, and before it counted.
    assert killed["first_report"] >= done["checkpoint_before_the_last"]
    with np.load(tmp_path / "whole" / "weights.npz") as expected, np.load(tmp_path / "killed" / "weights.npz") as got:
        assert expected.files
        for name in expected:
            np.testing.assert_array_equal(got[name], expected[name])


def test_checkpoints_stay_until_the_model_is_safe(tmp_path):
    columns = make_columns(64)
    trained, _ = fit(columns, tmp_path, epochs=2, keep_checkpoints=True)
    # As if the process had been killed while it exported.
    again, reports = fit(columns, tmp_path, epochs=2)
    assert reports == []
    assert again.evaluation == trained.evaluation
    for one, other in zip(trained.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not (tmp_path / "checkpoints").exists()


def test_so_many_checkpoints_are_kept_and_a_broken_one_is_passed_over(tmp_path, monkeypatch):
    columns = make_columns(100)
    options = {**OPTIONS, "steps": 60, "checkpoints": {"every_steps": 4, "keep": 3}}
    whole, _ = fit(columns, tmp_path / "whole", **options)
    with monkeypatch.context() as patched:
        patched.setattr("trainer.loop.evaluation.Evaluation.run", stop_at_second_call())
        with pytest.raises(RuntimeError, match="power cut"):
            fit(columns, tmp_path, **options)
    files = sorted(path.name for path in (tmp_path / "checkpoints" / "last").glob("ckpt-*.index"))
    assert files == ["ckpt-48.index", "ckpt-52.index", "ckpt-56.index"]
    newest = tmp_path / "checkpoints" / "last" / "ckpt-56.data-00000-of-00001"
    newest.write_bytes(newest.read_bytes()[:100])
    resumed, reports = fit(columns, tmp_path, **options)
    assert reports[0].step == 56
    for got, wanted in zip(resumed.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, wanted)


def stop_at_second_call():
    from trainer.loop.evaluation import Evaluation

    original, calls = Evaluation.run, []

    def run(self):
        calls.append(self)
        if len(calls) == 2:
            raise RuntimeError("power cut")
        return original(self)

    return run


def sigterm_at(step):
    """Sends SIGTERM to this process when a report has come so far."""

    def watch(report):
        if report.step == step and report.eval is None:
            os.kill(os.getpid(), signal.SIGTERM)

    return watch


def test_sigterm_saves_and_says_that_it_can_go_on(tmp_path):
    columns = make_columns(100)
    options = {**OPTIONS, "checkpoints": {"every_steps": 600}}
    whole, _ = fit(columns, tmp_path / "whole", **options)
    former = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Preempted) as stopped:
        fit(columns, tmp_path / "stopped", watch=sigterm_at(200), **options)
    assert signal.getsignal(signal.SIGTERM) == former
    # The report of step 200 comes before that step's evaluation, so no further call runs but the next.
    assert stopped.value.step == 204
    assert tf.train.latest_checkpoint(str(tmp_path / "stopped" / "checkpoints" / "last")).endswith("ckpt-204")
    resumed, reports = fit(columns, tmp_path / "stopped", **options)
    assert reports[0].step > 204
    for got, wanted in zip(resumed.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_sigterm_after_the_last_step_is_passed_on(tmp_path):
    class Told(Exception):
        pass

    def tell(number, frame):
        raise Told

    columns = make_columns(64)
    former = signal.signal(signal.SIGTERM, tell)
    try:
        with pytest.raises(Told):
            fit(columns, tmp_path, epochs=2, watch=sigterm_at(4))
    finally:
        signal.signal(signal.SIGTERM, former)
    again, reports = fit(columns, tmp_path, epochs=2)
    assert (again.steps, reports) == (4, [])


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


STRATEGY_OPTIONS = {
    "steps_per_loop": 1,
    "epochs": 2,
    "optimizer": {"learning_rate": 0.02, "clip_norm": 0.5, "ema": 0.9},
}


def run_workers(folder, options, *, chief: bool = False) -> list[subprocess.Popen]:
    """Two processes: two workers of which the first is the chief, or one worker beside a chief."""
    first, second = (f"localhost:{port}" for port in free_ports(2))
    cluster = {"chief": [first], "worker": [second]} if chief else {"worker": [first, second]}
    tasks = [{"type": name, "index": index} for name in cluster for index in range(len(cluster[name]))]
    return [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.trainer.distribution.strategies",
                str(folder / f"worker{index}.npz"),
                "1",
                options,
            ],
            env={
                **os.environ,
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "TF_CONFIG": json.dumps({"cluster": cluster, "task": tasks[index]}),
            },
            stderr=(folder / f"worker{index}.log").open("w"),
        )
        for index in range(2)
    ]


def assert_same(first, second, *, tolerance):
    with np.load(first) as one, np.load(second) as two:
        for name in one:
            np.testing.assert_allclose(one[name], two[name], atol=tolerance)
    losses = [json.loads(path.with_suffix(".json").read_text())["losses"] for path in (first, second)]
    np.testing.assert_allclose(*losses, rtol=1e-5)


@pytest.mark.timeout(600)
def test_one_replica_equals_two_replicas_equals_two_workers(tmp_path):
    one = json.dumps(STRATEGY_OPTIONS)
    run_python("tests.trainer.distribution.strategies", str(tmp_path / "one.npz"), "1", one)
    for name, options in (
        ("mirrored", {"strategy": "mirrored"}),
        ("compiled", {"strategy": "mirrored", "jit_compile": True}),
        ("accumulated", {"strategy": "mirrored", "accumulation": 4}),
    ):
        file = tmp_path / f"{name}.npz"
        run_python("tests.trainer.distribution.strategies", str(file), "2", json.dumps({**STRATEGY_OPTIONS, **options}))
        assert_same(tmp_path / "one.npz", file, tolerance=1e-6)
    # "auto" finds the cluster in TF_CONFIG.
    workers = run_workers(tmp_path, json.dumps({**STRATEGY_OPTIONS, "folder": "shared"}), chief=True)
    assert [worker.wait(200) for worker in workers] == [0, 0], (tmp_path / "worker0.log").read_text()[-2000:]
    for index in range(2):
        assert_same(tmp_path / "one.npz", tmp_path / f"worker{index}.npz", tolerance=1e-6)
    assert not list((tmp_path / "shared" / "checkpoints").glob("*"))


@pytest.mark.timeout(600)
def test_sigterm_to_one_worker_stops_all_and_they_continue(tmp_path):
    options = {**STRATEGY_OPTIONS, "folder": "shared", "epochs": None, "steps": 400, "checkpoints": {"every_steps": 20}}
    workers = run_workers(tmp_path, json.dumps(options))
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("shared/checkpoints/last/*.index")) and time.monotonic() < deadline:
        time.sleep(0.1)
    workers[1].send_signal(signal.SIGTERM)
    codes = [worker.wait(100) for worker in workers]
    assert codes == [RESUMABLE_EXIT_CODE] * 2, (tmp_path / "worker0.log").read_text()[-2000:]
    saved = tf.train.latest_checkpoint(str(tmp_path / "shared" / "checkpoints" / "last"))
    step = int(saved.rpartition("-")[2])
    assert 0 < step < 400
    workers = run_workers(tmp_path, json.dumps(options))
    assert [worker.wait(200) for worker in workers] == [0, 0]
    run_python(
        "tests.trainer.distribution.strategies",
        str(tmp_path / "one.npz"),
        "1",
        json.dumps({**options, "folder": "one"}),
    )
    with np.load(tmp_path / "one.npz") as one, np.load(tmp_path / "worker0.npz") as two:
        for name in one:
            np.testing.assert_allclose(one[name], two[name], atol=1e-3)
