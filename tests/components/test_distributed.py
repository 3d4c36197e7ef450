"""Several processes come to what one comes to: on plain hosts, and as Vertex AI starts TFX's own executor."""

import json
import shutil
import signal
import time

import tensorflow as tf

from tests.components import distributed
from tests.components.distributed import chief_and_worker, files_below, free_ports, make_job, start, write_job
from trainer.parameters import CHECKPOINTS_KEY, CUSTOM_CONFIG_KEY
from trainer.run_fn import keras_folder
from trainer.training import checkpoint_folder


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
    codes, told = end(processes, logs)
    assert codes == [0, 0], told
    assert "step 10/10" in told[0]
    distributed.assert_same_weights(tmp_path / "model", alone / "model")
    assert files_below(tmp_path / "model") == files_below(alone / "model")
    assert not (tmp_path / "checkpoints").exists() or not files_below(tmp_path / "checkpoints")


def test_a_lost_process_ends_the_others(transformed, tmp_path):
    parameters = distributed.make_parameters(epochs=None, steps=10**6)
    job = write_job(make_job(transformed, tmp_path, parameters=parameters), tmp_path / "job.json")
    configs = chief_and_worker(free_ports(2))
    logs = [tmp_path / name for name in ("chief.log", "worker.log")]
    processes = [start("--job", str(job), log=log, TF_CONFIG=text) for log, text in zip(logs, configs, strict=True)]
    deadline = time.monotonic() + 200
    while "step 5/" not in logs[0].read_text() and time.monotonic() < deadline:
        time.sleep(0.2)
    processes[1].kill()
    codes, told = end(processes, logs)
    assert codes == [1, -signal.SIGKILL], told
    assert told[0].splitlines()[-1].startswith("another process of this training was lost")


EXECUTOR = "tfx.components.trainer.executor.GenericExecutor"
ENTRY_POINT = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
# Without one, TFX looks for the parameters where schema 2.0 had them.
INPUTS_SPEC = '{"parameters": {"run_fn": {"parameterType": "STRING"}}}'


def executor_input(data) -> str:
    """As the launcher hands it to every replica, but with outputs relative to the working directory."""

    def artifact(kind, uri, **metadata):
        schema = f"title: tfx.{kind}\ntype: object\n"
        return {
            "artifacts": [{"name": kind, "uri": str(uri), "type": {"instanceSchema": schema}, "metadata": metadata}]
        }

    custom_config = {
        CUSTOM_CONFIG_KEY: distributed.make_parameters().model_dump_json(),
        CHECKPOINTS_KEY: str(data.parent / "vertex-checkpoints"),
    }
    properties = {
        "run_fn": "trainer.run_fn.run_fn",
        "train_args": '{"splits": ["train"]}',
        "eval_args": '{"splits": ["eval"]}',
        "custom_config": json.dumps(custom_config),
    }
    return json.dumps(
        {
            "inputs": {
                "artifacts": {
                    "examples": artifact("Examples", data / "examples", split_names='["train", "eval"]'),
                    "transform_graph": artifact("TransformGraph", data / "transform"),
                },
                "parameterValues": properties,
            },
            "outputs": {
                "artifacts": {"model": artifact("Model", "out/model"), "model_run": artifact("ModelRun", "out/run")},
                "outputFile": "out/executor_output.json",
            },
        }
    )


def test_vertex_replicas_run_the_same_executor_and_the_chief_alone_writes(transformed, alone, tmp_path):
    chief, worker = tmp_path / "chief", tmp_path / "worker"
    (chief / "out").mkdir(parents=True)
    (worker / "out" / "model").mkdir(parents=True)
    # The worker sees the export that the chief makes, and would be seen to write anything itself.
    seen = worker / "out" / "model" / "Format-Serving"
    seen.symlink_to(chief / "out" / "model" / "Format-Serving")
    arguments = [
        f"--executor_class_path={EXECUTOR}",
        f"--json_serialized_invocation_args={executor_input(transformed)}",
        f"--json_serialized_inputs_spec_args={INPUTS_SPEC}",
    ]
    configs = chief_and_worker(free_ports(2))
    logs = [tmp_path / "chief.log", tmp_path / "worker.log"]
    processes = [
        start(*arguments, module=ENTRY_POINT, cwd=folder, log=log, TF_CONFIG=text, TF_USE_LEGACY_KERAS="0")
        for folder, log, text in zip((chief, worker), logs, configs, strict=True)
    ]
    codes, told = end(processes, logs)
    assert codes == [0, 0], [text[-2000:] for text in told]
    distributed.assert_same_weights(chief / "out" / "model", alone / "model")
    assert files_below(chief / "out" / "model") == files_below(alone / "model")
    assert (chief / "out" / "run" / "history.jsonl").exists()
    assert seen.is_symlink()
    # TFX's entry point writes its own file in every replica.
    assert files_below(worker) == {"out/executor_output.json"}


def test_paths_in_a_bucket_stay_whole(transformed, tmp_path):
    job = make_job(transformed, tmp_path, model="gs://bucket/model", checkpoints="gs://bucket/state/checkpoints/")
    fn_args = job.fn_args()
    assert keras_folder(fn_args.serving_model_dir) == "gs://bucket/model/Format-Keras"
    folder = checkpoint_folder(fn_args, job.parameters)
    assert folder.startswith("gs://bucket/state/checkpoints/")
    assert len(folder.rpartition("/")[2]) == 16


def test_an_export_where_folders_cannot_be_renamed_is_copied(small_model, tmp_path, monkeypatch):
    from trainer import export

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
    export._move(str(staging), str(tmp_path / "there"))
    assert files_below(tmp_path / "there") == files_below(small_model.saved_model)
    assert copied[-1] == "saved_model.pb"
