"""The Trainer as a TFJob: against a Kubernetes API whose operator runs the pods as processes of this machine."""

import errno
import logging
import os
import signal
from pathlib import Path

import pytest
import tensorflow as tf
from tfx.utils import io_utils, json_utils

from components.training_handover import TRAINING_JOB_KEY, job_name
from components.training_operator import client, executor
from components.training_operator.client import TFJobFailed, TFJobs, TFJobStopped
from components.training_operator.executor import TFJobExecutor
from components.training_operator.tfjob import TFJobOptions
from pipeline.config.platform.kubeflow import Kubeflow
from pipeline.nodes.training.tfjob import tfjob_options
from pipeline.running.interrupts import Interrupts, Terminated
from tests.components.trainer_call import TrainerCall
from tests.components.training_operator.fake_operator import Api, Cluster, status
from tests.trainer.distribution.jobs import assert_same_weights, files_below

pytestmark = pytest.mark.tensorflow

POD = ["python", "-m", "tests.components.training_operator.fake_pod"]


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """The API, which the executor finds by a kubeconfig; looked at more often than a real one."""
    cluster = Cluster(tmp_path / "pods")
    connect = client.connect
    monkeypatch.setattr(
        client, "connect", lambda namespace: connect(namespace, poll_seconds=0.1, react_seconds=2, grace_seconds=1)
    )
    with Api(cluster) as api:
        file = api.kubeconfig(tmp_path / "kubeconfig")
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file))
        yield cluster


def platform(folder: Path, **training) -> Kubeflow:
    return Kubeflow(
        kind="kubeflow",
        host="http://localhost",
        image="image@sha256:0",
        root="minio://b/r",
        serving="/m/s",
        state="/m/t",
        volumes=[{"claim": "shared", "mount": str(folder)}],
        training={"shared_folder": f"{folder}/training", **training},
    )


def options_of(folder: Path, **training):
    given = platform(folder, **training)
    return tfjob_options(given, given.training, pipeline="small")


class Execution(TrainerCall):
    """What the launcher hands to the executor."""

    def __init__(self, data: Path, folder: Path, **training):
        options = options_of(folder / "shared", **training).model_dump_json()
        super().__init__(data, folder, checkpoints=folder / "shared" / "checkpoints", options=options)
        self.run_folder = folder / "shared" / "training" / job_name(str(self.model))
        (folder / "shared").mkdir(exist_ok=True)

    def run(self):
        super().run(TFJobExecutor)


@pytest.mark.slow
def test_two_pods_make_the_model_of_one_process(transformed, alone, cluster, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="trainer.loop.progress")
    execution = Execution(transformed, tmp_path)
    execution.run()
    logs = {pod.name: pod.log.read_text() for pod in cluster.pods}
    assert len(logs) == 2, logs
    assert all("step 10/10" in log for log in logs.values()), logs
    assert_same_weights(execution.model, alone / "model")
    assert files_below(execution.model) == files_below(alone / "model")
    assert (execution.model_run / "history.jsonl").read_text().count('"eval": {') == 2
    signatures = tf.saved_model.load(str(execution.model / "Format-Serving")).signatures
    assert set(signatures) == {"serving_default", "columnar", "transform_features", "classify"}
    # Nothing stays behind, and what happened was told.
    assert cluster.deleted == [job_name(str(execution.model))]
    assert not execution.run_folder.exists()
    assert not files_below(tmp_path / "shared")
    assert [word for word in ("created", "Running", "Succeeded") if word in caplog.text] == [
        "created",
        "Running",
        "Succeeded",
    ]


def test_a_pod_that_fails_is_named_with_its_last_words(transformed, cluster, tmp_path):
    cluster.command = {"chief": [*POD, "waiting", "stay"], "worker": [*POD, "no space left on device", "1"]}
    execution = Execution(transformed, tmp_path)
    with pytest.raises(TFJobFailed) as failed:
        execution.run()
    name = job_name(str(execution.model))
    expected = f"TFJob team/{name}: pod {name}-worker-0 exited with code 1 (Error): no space left on device"
    assert str(failed.value) == expected
    assert cluster.deleted == [name]
    assert not execution.run_folder.exists()
    assert not execution.model.exists()


def test_a_training_that_takes_too_long_is_ended(transformed, cluster, tmp_path):
    cluster.command = {kind: [*POD, "waiting", "stay"] for kind in ("chief", "worker")}
    execution = Execution(transformed, tmp_path, timeout_seconds=1)
    with pytest.raises(TFJobFailed, match="not finished after 1 s .*; pods: .*-chief-0 Running, .*-worker-0 R"):
        execution.run()
    assert cluster.created[0]["spec"]["runPolicy"]["activeDeadlineSeconds"] == 1
    assert len(cluster.deleted) == 1


def test_an_operator_that_does_nothing_is_named(transformed, cluster, tmp_path):
    cluster.idle = True
    with pytest.raises(TFJobFailed, match="nothing has reacted to it for 2 s; is the Training Operator running?"):
        Execution(transformed, tmp_path).run()
    assert len(cluster.deleted) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            status(403, 'tfjobs.kubeflow.org is forbidden: User "runner" cannot create', kind="tfjobs"),
            'may not create TFJobs in namespace team: give it the Role of docs/distributed_training.md .*"runner"',
        ),
        ((404, "404 page not found\n"), "does not know TFJob .*: install the Kubeflow Training Operator 1.x"),
        (status(404, 'namespaces "team" not found', kind="namespaces"), "there is no namespace team"),
        (status(422, "spec.runPolicy: Invalid value", kind="tfjobs"), "422: spec.runPolicy: Invalid value"),
        (status(500, "etcd is down", kind="tfjobs"), "does not answer: etcd is down"),
    ],
)
def test_a_refusal_is_explained(transformed, cluster, tmp_path, answer, expected):
    cluster.refuse = answer
    with pytest.raises(TFJobFailed, match=expected) as failed:
        Execution(transformed, tmp_path).run()
    assert "\n" not in str(failed.value).strip()


def test_sigterm_deletes_the_job_and_keeps_the_inputs_for_the_next_attempt(transformed, cluster, tmp_path):
    cluster.command = {kind: [*POD, "waiting", "stay"] for kind in ("chief", "worker")}
    cluster.on_running = lambda: os.kill(os.getpid(), signal.SIGTERM)
    execution = Execution(transformed, tmp_path)
    former = signal.getsignal(signal.SIGTERM)
    with pytest.raises(TFJobStopped, match="stopped: TFJob .* is deleted"):
        execution.run()
    assert signal.getsignal(signal.SIGTERM) == former
    assert len(cluster.deleted) == 1
    assert [pod.process.wait(10) for pod in cluster.pods] == [-signal.SIGTERM] * 2
    assert (execution.run_folder / "inputs" / "transform_graph").exists()


class Killed(BaseException):
    """As if the pod were gone: nothing is cleaned up."""


@pytest.mark.parametrize("same", [True, False])
def test_an_attempt_after_a_kill_takes_up_the_job_or_replaces_it(transformed, cluster, tmp_path, monkeypatch, same):
    cluster.command = {kind: [*POD, "waiting", "stay"] for kind in ("chief", "worker")}
    execution = Execution(transformed, tmp_path)

    def killed(*arguments, **options):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(TFJobs, "_follow", killed)
        patched.setattr(TFJobs, "_delete", lambda self, name: None)
        with pytest.raises(Killed):
            execution.run()
    assert len(cluster.jobs) == 1
    wanted = 1 if same else 2
    cluster.on_running = lambda: len(cluster.created) == wanted and os.kill(os.getpid(), signal.SIGTERM)
    second = execution if same else Execution(transformed, tmp_path, memory="32G")
    with pytest.raises(TFJobStopped):
        second.run()
    assert len(cluster.created) == wanted
    assert not cluster.jobs


DONE = {"chief": [*POD, "done", "0"], "worker": [*POD, "waiting", "stay"]}


def finished(execution: Execution) -> None:
    """What the chief would leave."""
    for name in ("model", "model_run"):
        (execution.run_folder / name).mkdir(parents=True)
        (execution.run_folder / name / "file").write_text(name)


def test_a_model_that_cannot_be_copied_is_kept_and_the_next_attempt_only_copies(
    transformed, cluster, tmp_path, monkeypatch
):
    cluster.command = DONE
    execution = Execution(transformed, tmp_path)
    finished(execution)
    copy = io_utils.copy_dir

    def full(source, target):
        if target == str(execution.model_run):
            raise OSError(errno.ENOSPC, "No space left on device")
        copy(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(executor.io_utils, "copy_dir", full)
        with pytest.raises(OSError, match="No space left on device"):
            execution.run()
    assert (execution.run_folder / "model" / "file").exists()
    execution.run()
    assert [folder.joinpath("file").read_text() for folder in (execution.model, execution.model_run)] == [
        "model",
        "model_run",
    ]
    assert len(cluster.created) == 1
    assert not execution.run_folder.exists()


def test_a_sigterm_when_the_training_is_done_loses_no_model(transformed, cluster, tmp_path):
    cluster.command = DONE
    execution = Execution(transformed, tmp_path)
    finished(execution)
    cluster.on_deletion = lambda: os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(Terminated), Interrupts():
        execution.run()
    execution.run()
    assert (execution.model / "file").exists()
    assert len(cluster.created) == 1


def test_without_a_cluster_it_says_so(transformed, tmp_path, monkeypatch):
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    with pytest.raises(TFJobFailed, match="no Kubernetes to train on"):
        Execution(transformed, tmp_path).run()


def test_options_travel_as_json(tmp_path):
    options = options_of(tmp_path)
    assert TFJobOptions.model_validate_json(options.model_dump_json()) == options


@pytest.mark.parametrize("training", [None, '{"shared_folder": "/models/training", "workers": 3}'])
def test_the_profile_decides_who_trains(taxi_config, training):
    from kubeflow.ir.compiler import compile_pipeline
    from pipeline.config.loading import load

    overrides = [f"platform.training={training}"] if training else []
    compiled = compile_pipeline(load(config=taxi_config, profile="kubeflow", overrides=overrides))
    command = " ".join(compiled.executor("Trainer")["container"]["args"])
    [custom_config] = [
        json_utils.loads(value["runtimeValue"]["constant"])
        for name, value in compiled.tasks()["Trainer"]["inputs"]["parameters"].items()
        if name == "custom_config"
    ]
    if training:
        assert "components.training_operator.executor.TFJobExecutor" in command
        assert TFJobOptions.model_validate_json(custom_config[TRAINING_JOB_KEY]).workers == 3
    else:
        assert "tfx.components.trainer.executor.GenericExecutor" in command
        assert TRAINING_JOB_KEY not in custom_config
