"""A training that is stopped in any way, and resumed, ends like one that was not."""

import json
import os
import signal

import numpy as np
import pytest
import tensorflow as tf

from tests.shared.processes import run_python
from tests.trainer.loop.kills import OPTIONS
from tests.trainer.training import fit, make_columns
from trainer.distribution.preemption import Preempted

pytestmark = pytest.mark.tensorflow


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_kills_at_random_moments_change_nothing(tmp_path):
    outcome = run_python("tests.trainer.loop.kills", str(tmp_path), "20", timeout=500)
    done = json.loads(outcome.stdout.splitlines()[-1])
    assert 0 < done["checkpoint_before_the_last"] < done["steps"]
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


def test_the_configured_number_of_checkpoints_is_kept_and_a_broken_one_is_skipped(tmp_path, monkeypatch):
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
    """Sends SIGTERM to this process at the report of a step."""

    def watch(report):
        if report.step == step and report.eval is None:
            os.kill(os.getpid(), signal.SIGTERM)

    return watch


def test_sigterm_saves_and_the_training_resumes(tmp_path):
    columns = make_columns(100)
    options = {**OPTIONS, "checkpoints": {"every_steps": 240}}
    whole, _ = fit(columns, tmp_path / "whole", **options)
    former = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Preempted) as stopped:
        fit(columns, tmp_path / "stopped", watch=sigterm_at(80), **options)
    assert signal.getsignal(signal.SIGTERM) == former
    # The report of step 80 comes before that step's evaluation, so no further call runs but the next.
    assert stopped.value.step == 84
    assert tf.train.latest_checkpoint(str(tmp_path / "stopped" / "checkpoints" / "last")).endswith("ckpt-84")
    resumed, reports = fit(columns, tmp_path / "stopped", **options)
    assert reports[0].step > 84
    for got, wanted in zip(resumed.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_sigterm_after_the_last_step_is_passed_on(tmp_path):
    class Terminated(Exception):
        pass

    def terminate(number, frame):
        raise Terminated

    columns = make_columns(64)
    former = signal.signal(signal.SIGTERM, terminate)
    try:
        with pytest.raises(Terminated):
            fit(columns, tmp_path, epochs=2, watch=sigterm_at(4))
    finally:
        signal.signal(signal.SIGTERM, former)
    again, reports = fit(columns, tmp_path, epochs=2)
    assert (again.steps, reports) == (4, [])
