"""The Trainer as a custom job of Vertex AI, on a local service that runs the workers as processes."""

import json
import subprocess
import sys

import pytest
import tensorflow as tf
from tfx.utils import json_utils

from components.training_handover import TRAINING_JOB_KEY, job_name
from components.vertex.custom_job import CustomJobFailed
from components.vertex.custom_job_options import CustomJobOptions
from components.vertex.trainer import CustomJobExecutor
from tests.components.trainer_call import TrainerCall
from tests.components.vertex.custom_jobs import CANCEL, CREATE, GET, OPTIONS, sent, terminate, when
from tests.kubeflow.fakes.worker_pools import WorkerPools
from tests.trainer.distribution.jobs import ROOT, assert_same_weights, files_below
from trainer.distribution.preemption import RESUMABLE_EXIT_CODE

# A job that is waited for although it has ended would be waited for for ever.
pytestmark = [pytest.mark.tensorflow, pytest.mark.timeout(300)]


class Executor(CustomJobExecutor):
    poll_seconds = 0.1


@pytest.fixture
def workers(service, tmp_path):
    service.pools = pools = WorkerPools(tmp_path / "workers")
    yield pools
    pools.close()


def execution(data, folder, *, workers=2):
    options = OPTIONS.model_copy(update={"workers": workers}).model_dump_json()
    return TrainerCall(data, folder, checkpoints=folder / "checkpoints", options=options)


@pytest.mark.slow
def test_two_workers_make_the_model_of_one_process(transformed, alone, workers, service, tmp_path):
    trainer = execution(transformed, tmp_path)
    trainer.run(Executor)
    logs = {name: log.read_text() for name, log in workers.logs.items()}
    assert set(logs) == {"workerpool0-0", "workerpool1-0"}
    assert all("step 10/10" in log for log in logs.values()), logs
    assert all("TF_CONFIG" in told for told in workers.environments.values())
    assert sent(service)["labels"] == {"training": job_name(str(trainer.model))}
    assert_same_weights(trainer.model, alone / "model")
    assert files_below(trainer.model) == files_below(alone / "model")
    assert "job.json" in files_below(trainer.model_run)
    assert (trainer.model_run / "history.jsonl").read_text().count('"eval": {') == 2
    signatures = tf.saved_model.load(str(trainer.model / "Format-Serving")).signatures
    assert set(signatures) == {"serving_default", "columnar", "transform_features", "classify"}
    assert not files_below(tmp_path / "checkpoints")
    # A second attempt of the same execution finds that it is done.
    trainer.run(Executor)
    assert len(service.requests(CREATE)) == 1


def test_a_worker_that_fails_fails_the_trainer(transformed, workers, service, tmp_path):
    trainer = execution(transformed, tmp_path, workers=1)
    trainer.properties["run_fn"] = "missing.run_fn"
    with pytest.raises(CustomJobFailed, match="1 failed: The replica workerpool0-0 exited with a non-zero status of 2"):
        trainer.run(Executor)
    assert set(workers.environments["workerpool0-0"]) == {"CLUSTER_SPEC"}
    assert "run_fn: missing.run_fn cannot be imported" in workers.logs["workerpool0-0"].read_text()


def test_a_job_that_ends_well_without_a_model_is_found_out(transformed, service, tmp_path):
    with pytest.raises(CustomJobFailed, match="succeeded, but left no model"):
        execution(transformed, tmp_path).run(Executor)


def test_after_sigterm_the_trainer_can_be_run_again(transformed, service, tmp_path, capsys):
    service.custom_states = [{"state": "JOB_STATE_RUNNING"}]
    with when(service, GET, terminate), pytest.raises(SystemExit) as ended:
        execution(transformed, tmp_path).run(Executor)
    assert ended.value.code == RESUMABLE_EXIT_CODE == 75
    assert len(service.requests(CANCEL)) == 1
    assert capsys.readouterr().err.count("is cancelled; the next attempt resumes it") == 1


_COMPILE = """
import json, sys
from pathlib import Path
from kubeflow.ir.compiler import compile_pipeline
from pipeline.config.loading import load

def trainer(*overrides):
    compiled = compile_pipeline(load(config=Path("configs/taxi.yaml"), profile="vertex", overrides=overrides))
    arguments = compiled.executor("Trainer")["container"]["args"]
    config = compiled.tasks()["Trainer"]["inputs"]["parameters"]["custom_config"]["runtimeValue"]["constant"]
    return arguments[arguments.index("--executor_class_path") + 1], config

found = [trainer(), trainer("platform.training=null")]
print(json.dumps([*found, [name for name in sys.modules if name.startswith("google.cloud.aiplatform")]]))
"""


@pytest.mark.slow
def test_the_profile_decides_who_trains_and_no_compilation_needs_vertex_s_client():
    done = subprocess.run([sys.executable, "-c", _COMPILE], cwd=ROOT, capture_output=True, text=True, check=True)
    (executor, config), (alone, other), imported = json.loads(done.stdout.splitlines()[-1])
    assert executor == "components.vertex.trainer.CustomJobExecutor"
    assert CustomJobOptions.model_validate_json(json_utils.loads(config)[TRAINING_JOB_KEY]).workers == 1
    assert alone == "tfx.components.trainer.executor.GenericExecutor"
    assert TRAINING_JOB_KEY not in json_utils.loads(other)
    assert imported == []
