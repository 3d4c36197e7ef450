"""The entry point of the containers, run as containers run it, with what the two backends hand over."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kubeflow.container.beam_flags import distributed
from kubeflow.container.mounts import Mounts, back
from pipeline.config.loading import load
from tests.kubeflow.backend import containers
from tests.shared.programs import free_port

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).parents[3]
ENGINES = {
    "portable": "beam={runner: FlinkRunner, job_endpoint: 'flink:8099'}",
    "dataflow": "beam={runner: DataflowRunner, project: acme, region: europe-west4, temp_location: 'gs://acme/tmp'}",
}

_EXAMPLES = {"instanceSchema": "title: tfx.Examples\ntype: object\n"}
_MODEL = {"instanceSchema": "title: tfx.Model\ntype: object\n"}
_SPEC = {
    "artifacts": {"examples": {"artifactType": _EXAMPLES}},
    "parameters": {
        "text": {"parameterType": "STRING"},
        "whole": {"parameterType": "NUMBER_INTEGER"},
        "fraction": {"parameterType": "NUMBER_DOUBLE"},
    },
}


class Task:
    """One task of a backend, whose container sees ``folder`` as its root."""

    def __init__(self, folder: Path, *, scheme: str = "minio"):
        self.folder, self.scheme = folder, scheme
        self.mount = folder / {"gs": "gcs"}.get(scheme, scheme) / "bucket"
        (self.mount / "in").mkdir(parents=True)
        (self.mount / "in" / "part").write_text("rows")
        self.output_file = folder / "out" / "task-1" / "output.json"
        self.log = folder / "log"

    def invocation(self, *, kind: dict | None = None, **parameters: object) -> dict:
        examples = {"uri": f"{self.scheme}://bucket/in", "name": "17", "metadata": {"split_names": '["train"]'}}
        model = {"uri": f"{self.scheme}://bucket/run/model", "type": _MODEL}
        return {
            "inputs": {
                "artifacts": {"examples": {"artifacts": [{**examples, "type": _EXAMPLES if kind is None else kind}]}},
                "parameterValues": {"text": "a", "whole": 1, "fraction": 0.5, **parameters},
            },
            "outputs": {"artifacts": {"model": {"artifacts": [model]}}, "outputFile": str(self.output_file)},
        }

    def command(self, invocation: dict, *, executor: str = "Tell", **environment: str) -> containers.Command:
        words = ["python", "-m", "kubeflow.container.entrypoint"]
        words += ["--executor_class_path", f"tests.kubeflow.container.executors.{executor}_Executor"]
        words += ["--json_serialized_invocation_args", json.dumps(invocation)]
        words += ["--json_serialized_inputs_spec_args", json.dumps(_SPEC), "--runner=FnApiRunner"]
        given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(self.folder)}
        given |= {"TMPDIR": str(self.folder), "MOUNTS_ROOT": str(self.folder), **environment}
        return containers.Command(words=words, environment=given, folder=ROOT, log=self.log)

    def run(self, invocation: dict, *, fresh: bool = False, **how: str) -> int:
        return containers.run(self.command(invocation, **how), fresh=fresh)

    def failing(self, how: str) -> dict:
        invocation = self.invocation()
        invocation["inputs"] = {"parameterValues": {"how": how}}
        return invocation

    def told(self) -> dict:
        return json.loads((self.mount / "run" / "model" / "told.json").read_text())

    def output(self) -> dict:
        return json.loads(self.output_file.read_text())["artifacts"]["model"]["artifacts"][0]

    def last_line(self) -> str:
        return self.log.read_text().splitlines()[-1]


@pytest.fixture
def task(tmp_path) -> Task:
    return Task(tmp_path)


def test_help_needs_neither_tfx_nor_tensorflow():
    program = (
        "import runpy, sys\n"
        "sys.argv = ['entrypoint', '--help']\n"
        "try: runpy.run_module('kubeflow.container.entrypoint', run_name='__main__')\n"
        "except SystemExit as end: sys.exit(bool(end.code) or bool({'tfx', 'tensorflow'} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "--executor_class_path" in done.stdout


@pytest.mark.slow
def test_a_new_process_runs_an_executor_with_keras_3(task):
    assert task.run(task.invocation(), fresh=True) == 0, task.log.read_text()
    assert task.told()["keras"].startswith("3.")


@pytest.mark.parametrize(
    "kind",
    [
        {},
        *(
            pytest.param(kind, marks=pytest.mark.slow)
            for kind in ({"instanceSchema": ""}, {"schemaTitle": "TYPE_UNSPECIFIED"})
        ),
    ],
)
def test_a_type_that_the_backend_left_out_comes_from_the_component(task, kind):
    assert task.run(task.invocation(kind=kind)) == 0, task.log.read_text()
    assert task.told()["type"] == "Examples"
    assert task.told()["split_names"] == '["train"]'
    assert task.told()["read"] == "rows"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, ["a", 1, 0.5], marks=pytest.mark.slow),
        pytest.param({"text": "", "whole": 0, "fraction": 0}, ["", 0, 0.0], marks=pytest.mark.slow),
        # As the submitter of a runtime parameter wrote them.
        ({"text": 3, "whole": "12", "fraction": "0.25"}, ["3", 12, 0.25]),
        pytest.param({"text": True}, ["true", 1, 0.5], marks=pytest.mark.slow),
        # As Kubeflow tells an exit handler how the run ended.
        ({"text": {"state": "FAILED", "error": {"code": 9}}}, ['{"state": "FAILED", "error": {"code": 9}}', 1, 0.5]),
        pytest.param({"text": ["x", 1.5]}, ['["x", 1.5]', 1, 0.5], marks=pytest.mark.slow),
    ],
)
def test_parameters_come_in_the_types_that_the_component_declares(task, given, expected):
    assert task.run(task.invocation(**given)) == 0, task.log.read_text()
    told = task.told()["parameters"]
    if isinstance(given.get("text"), dict):
        told[0], expected = json.loads(told[0]), [json.loads(expected[0]), *expected[1:]]
    assert told == expected
    assert [type(value) for value in told] == [type(value) for value in expected]


@pytest.mark.parametrize("scheme", ["gs", *(pytest.param(name, marks=pytest.mark.slow) for name in ("minio", "s3"))])
def test_outputs_are_moved_to_the_mount_and_told_by_their_uris(tmp_path, scheme):
    task = Task(tmp_path, scheme=scheme)
    assert task.run(task.invocation()) == 0, task.log.read_text()
    model = task.mount / "run" / "model"
    assert sorted(path.name for path in model.iterdir()) == ["empty", "told.json"]
    assert task.output()["uri"] == f"{scheme}://bucket/run/model"
    assert task.output()["metadata"]["source"] == f"{scheme}://bucket/in/part"
    assert task.output()["metadata"]["elsewhere"] == "/srv/models/taxi/1"


def test_the_output_file_may_be_in_the_object_store(tmp_path):
    task = Task(tmp_path, scheme="gs")
    invocation = task.invocation()
    invocation["outputs"]["outputFile"] = "gs://bucket/run/output.json"
    task.output_file = task.mount / "run" / "output.json"
    assert task.run(invocation) == 0, task.log.read_text()
    assert task.output()["uri"] == "gs://bucket/run/model"


def test_what_a_driver_found_out_replaces_parameters(task):
    task.output_file.parent.mkdir(parents=True)
    task.output_file.write_text(json.dumps({"parameterValues": {"text": "found"}}))
    assert task.run(task.invocation()) == 0, task.log.read_text()
    assert task.told()["parameters"][0] == "found"


def test_what_a_former_attempt_left_is_gone(task):
    left = task.mount / "run" / "model" / "variables"
    left.parent.mkdir(parents=True)
    left.write_text("of a former attempt")
    assert task.run(task.invocation()) == 0, task.log.read_text()
    assert not left.exists()


def test_kubeflows_own_output_for_logs_is_left_to_it(task):
    invocation = task.invocation()
    logs = {"uri": "minio://bucket/run/executor-logs", "type": {"schemaTitle": "system.Artifact"}}
    invocation["outputs"]["artifacts"]["executor-logs"] = {"artifacts": [logs]}
    assert task.run(invocation) == 0, task.log.read_text()
    assert list(json.loads(task.output_file.read_text())["artifacts"]) == ["model"]


def test_every_attempt_makes_its_outputs_at_the_same_path(task):
    said = []
    for _ in range(2):
        assert task.run(task.failing("where"), executor="Fail") == 1
        said.append(task.last_line())
    assert said[0].startswith(f"Fail failed: OSError: {task.folder}/tfx-")
    assert said[0] == said[1]


def test_what_other_machines_make_is_in_the_mount_and_stays_for_the_next_attempt(task):
    assert task.run(task.failing("go on"), executor="HandOver") == 1
    assert (task.mount / "run" / "model" / "job.json").read_text() == "go on"


def test_a_refusal_is_one_line_and_leaves_nothing(task):
    assert task.run(task.failing("refuse"), executor="Fail") == 3
    assert task.last_line() == "Fail refused: auc of all examples is 0.5, below the minimum 0.9"
    assert "Traceback" not in task.log.read_text()
    assert not task.output_file.exists()
    assert not (task.mount / "run").exists()


def test_any_other_failure_ends_with_its_cause(task):
    assert task.run(task.failing("break"), executor="Fail") == 1
    assert task.last_line() == "Fail failed: OSError: the disk is full"
    assert "Traceback" in task.log.read_text()
    assert not (task.mount / "run").exists()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("wait", "Fail was stopped; it left no output."),
        ("train", "Fail was stopped: preempted at step 7; a checkpoint is saved"),
    ],
)
def test_sigterm_ends_it_so_that_it_can_go_on(task, how, said):
    container = containers.start(task.command(task.failing(how), executor="Fail"), fresh=False)
    while "waiting" not in (task.log.read_text() if task.log.exists() else ""):
        assert container.wait(0.02) is None, task.log.read_text()
    os.kill(container.pid, signal.SIGTERM)
    assert container.wait(30) == 75
    assert task.last_line().startswith(said)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], False),
        (["--runner=FnApiRunner"], False),
        (["--runner", "DirectRunner"], False),
        (["--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"], False),
        (["--project=p", "--runner=DataflowRunner"], True),
        (["--runner", "FlinkRunner", "--flink_master=host"], True),
        (["--runner=PortableRunner", "--job_endpoint=host:8099"], True),
    ],
)
def test_the_runner_says_where_beams_workers_are(given, expected):
    assert distributed(given) is expected


@pytest.mark.parametrize("beam", ["portable", "dataflow"])
def test_the_runners_of_the_config_work_elsewhere(taxi_config, beam):
    config = load(config=taxi_config, profile="local", overrides=[ENGINES[beam]])
    assert distributed(config.beam.arguments())


def test_a_job_server_that_is_not_there_is_one_line_before_any_work(task):
    port = free_port()
    command = task.command(task.invocation())
    words = [word for word in command.words if word != "--runner=FnApiRunner"]
    words[words.index("--executor_class_path") + 1] = "tfx.components.statistics_gen.executor.Executor"
    words += ["--runner=PortableRunner", f"--job_endpoint=localhost:{port}"]
    assert containers.run(dataclasses.replace(command, words=words), fresh=False) == 1
    said = f"tfx.components.statistics_gen failed: beam.job_endpoint: localhost:{port}: nothing listens ("
    assert task.last_line().startswith(said)
    assert "Traceback" not in task.log.read_text()
    assert not (task.mount / "run").exists()


def test_with_workers_elsewhere_everything_stays_in_the_object_store(task):
    from google.protobuf import json_format
    from kfp.pipeline_spec.pipeline_spec_pb2 import ExecutorInput

    from kubeflow.container.invocation import InStore

    given = json_format.ParseDict(task.invocation(), ExecutorInput())
    kept = json_format.MessageToDict(InStore(given).invocation)
    assert kept["inputs"]["artifacts"]["examples"]["artifacts"][0]["uri"] == "minio://bucket/in"
    assert kept["outputs"]["artifacts"]["model"]["artifacts"][0]["uri"] == "minio://bucket/run/model"
    # Beam's temporary files lie beside it.
    assert kept["outputs"]["outputFile"] == "minio://bucket/run/output.json"


def test_paths_below_an_artifact_have_a_uri_and_others_do_not():
    mounts = Mounts(Path("/"))
    assert mounts.local("gs://b/x") == "/gcs/b/x"
    assert mounts.local("/models/x") is None
    uris = {"/gcs/b/x": "gs://b/x"}
    assert back("/gcs/b/x/y", uris) == "gs://b/x/y"
    assert back("/gcs/b/xy", uris) == "/gcs/b/xy"
