"""Several processes train the same model as one, and each training has its own checkpoints."""

import shutil
import signal
import time

import attr
import pytest
import tensorflow as tf

from tests.trainer.distribution import jobs
from tests.trainer.distribution.jobs import ROOT, chief_and_worker, files_below, free_ports, make_job, start, write_job
from trainer.parameters import CHECKPOINTS_OF_KEY, EXECUTION
from trainer.run_fn import keras_folder
from trainer.training import checkpoint_folder

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


def end(processes, logs, *, seconds=120):
    """Exit codes; a process that hangs is killed, and fails the test."""
    try:
        return [process.wait(seconds) for process in processes], [log.read_text() for log in logs]
    finally:
        for process in processes:
            process.kill()


def test_two_plain_hosts_equal_one_process(transformed, alone, tmp_path):
    job = write_job(make_job(transformed, tmp_path), tmp_path / "job.json")
    hosts = ",".join(f"127.0.0.1:{port}" for port in free_ports(2))
    logs = [tmp_path / f"{index}.log" for index in range(2)]
    processes = [
        start("--job", str(job), "--hosts", hosts, "--index", str(index), log=log) for index, log in enumerate(logs)
    ]
    codes, logged = end(processes, logs)
    assert codes == [0, 0], logged
    assert "step 10/10" in logged[0]
    jobs.assert_same_weights(tmp_path / "model", alone / "model")
    assert files_below(tmp_path / "model") == files_below(alone / "model")
    assert not (tmp_path / "checkpoints").exists() or not files_below(tmp_path / "checkpoints")


def test_a_lost_process_ends_the_others(transformed, tmp_path):
    parameters = jobs.make_parameters(epochs=None, steps=10**6)
    job = write_job(make_job(transformed, tmp_path, parameters=parameters), tmp_path / "job.json")
    configs = chief_and_worker(free_ports(2))
    logs = [tmp_path / name for name in ("chief.log", "worker.log")]
    processes = [start("--job", str(job), log=log, TF_CONFIG=text) for log, text in zip(logs, configs, strict=True)]
    deadline = time.monotonic() + 200
    while "step 5/" not in logs[0].read_text() and time.monotonic() < deadline:
        time.sleep(0.2)
    processes[1].kill()
    codes, logged = end(processes, logs)
    assert codes == [1, -signal.SIGKILL], logged
    assert logged[0].splitlines()[-1].startswith("another process of this training was lost")


def test_paths_in_a_bucket_stay_whole(transformed, tmp_path):
    job = make_job(transformed, tmp_path, model="gs://bucket/model", checkpoints="gs://bucket/state/checkpoints/")
    fn_args = job.fn_args()
    assert keras_folder(fn_args.serving_model_dir) == "gs://bucket/model/Format-Keras"
    folder = checkpoint_folder(fn_args, job.parameters)
    assert folder.startswith("gs://bucket/state/checkpoints/")
    assert len(folder.rpartition("/")[2]) == 16


@pytest.mark.parametrize("of", ["trainer", "tuner"])
def test_on_a_platform_an_execution_has_its_checkpoints_for_itself(transformed, tmp_path, of):
    def folder(execution: str, **custom_config: str) -> str:
        job = make_job(transformed, tmp_path, model=f"/gcs/b/{execution}/model", custom_config=custom_config)
        fn_args = job.fn_args()
        if of == "tuner":
            fn_args = attr.evolve(fn_args, serving_model_dir=None, working_dir=f"/tmp/{execution}/.temp")
        return checkpoint_folder(fn_args, job.parameters)

    own = {CHECKPOINTS_OF_KEY: EXECUTION}
    assert folder("run-1", **own) != folder("run-2", **own)
    assert folder("run-1", **own) == folder("run-1", **own)
    assert folder("run-1") == folder("run-2")


@pytest.mark.parametrize(
    "profile",
    [
        None,
        "vertex",  # part: vertex
        "kubeflow",  # part: kubeflow
    ],
)
def test_the_pipeline_says_whose_the_checkpoints_are(profile):
    from pipeline.config.loading import load
    from pipeline.nodes.graph import Graph
    from pipeline.nodes.training.trainer import _custom_config

    config = load(config=ROOT / "configs" / "taxi.yaml", profile=profile, overrides=[])
    carried = _custom_config(Graph(config), config.trainer.run_fn, set())
    assert carried.get(CHECKPOINTS_OF_KEY) == (EXECUTION if profile else None)


def test_an_export_where_folders_cannot_be_renamed_is_copied(small_model, tmp_path, monkeypatch):
    from trainer.export import saved_model

    staging = tmp_path / "staging"
    shutil.copytree(small_model.saved_model, staging)
    copied = []
    copy = tf.io.gfile.copy

    def refused(*arguments, **options):
        raise tf.errors.ResourceExhaustedError(None, None, "Too many open files")

    def noted(source, target, **options):
        copied.append(target.rpartition("/")[2])
        copy(source, target, **options)

    monkeypatch.setattr(tf.io.gfile, "rename", refused)
    monkeypatch.setattr(tf.io.gfile, "copy", noted)
    saved_model._move(str(staging), str(tmp_path / "there"))
    assert files_below(tmp_path / "there") == files_below(small_model.saved_model)
    assert copied[-1] == "saved_model.pb"
