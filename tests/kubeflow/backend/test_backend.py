"""The backend of the proofs does what the platforms do; its containers are shell commands here."""

from __future__ import annotations

import pytest

from kubeflow.ir.pipeline_spec import CompiledPipeline
from tests.kubeflow.backend.engine import Backend
from tests.kubeflow.backend.platform import Kubeflow, Volumes

pytestmark = pytest.mark.tensorflow

_MODEL = {"artifacts": {"model": {"artifactType": {"instanceSchema": "title: tfx.Model\n"}}}}
_BLESS = (
    """echo '{"artifacts": {"model": {"artifacts": [{"metadata": {"blessed": %s}}]}}}' > {{$.outputs.output_file}}"""
)
_NOTHING = "echo '{}' > {{$.outputs.output_file}}"
_FROM_MAKE = {"model": {"taskOutputArtifact": {"producerTask": "Make", "outputArtifactKey": "model"}}}


class Shell:
    """Pipelines whose tasks are shell scripts, on one backend."""

    def __init__(self, folder):
        self.folder = folder
        self.platform = Kubeflow(folder / "backend", root="minio://b/root", pipeline="p", volumes=Volumes())
        self.backend = Backend(self.platform, image=folder)
        self.scripts, self.tasks, self.outputs, self.parameters = {}, {}, {}, {}

    def task(self, name, script, *, outputs=None, artifacts=None, parameters=None, **options):
        inputs = {"artifacts": artifacts or {}, "parameters": parameters or {}}
        self.tasks[name] = {"componentRef": {"name": name}, "inputs": inputs, **options}
        self.scripts[name], self.outputs[name] = script, outputs or {}

    def run(self, **how):
        executors = {
            name: {"container": {"image": "i", "command": ["sh", "-ec", script]}}
            for name, script in self.scripts.items()
        }
        components = {name: {"executorLabel": name, "outputDefinitions": self.outputs[name]} for name in self.scripts}
        root = {"dag": {"tasks": self.tasks}, "inputDefinitions": {"parameters": self.parameters}}
        spec = {"pipelineInfo": {"name": "p"}, "root": root, "components": components}
        return self.backend.run(CompiledPipeline(spec={**spec, "deploymentSpec": {"executors": executors}}), **how)


@pytest.fixture
def shell(tmp_path) -> Shell:
    (tmp_path / "backend").mkdir()
    return Shell(tmp_path)


@pytest.mark.parametrize(
    ("blessed", "state", "after"), [(1, "SUCCEEDED", "SUCCEEDED"), (0, "SKIPPED", "NOT_TRIGGERED")]
)
def test_a_condition_decides_over_its_task_and_what_follows(shell, blessed, state, after):
    shell.task("Make", _BLESS % blessed, outputs=_MODEL)
    condition = "inputs.artifacts['model'].artifacts[0].metadata['blessed'] == 1.0"
    shell.task("Push", _NOTHING, artifacts=_FROM_MAKE, triggerPolicy={"condition": condition})
    shell.task("Tell", _NOTHING, dependentTasks=["Push"])
    assert shell.run().states() == {"Make": "SUCCEEDED", "Push": state, "Tell": after}


def test_a_failed_task_is_tried_as_often_as_its_policy_says(shell):
    shell.task("Make", "exit 3", retryPolicy={"maxRetryCount": 2})
    assert shell.run().tasks["Make"].codes == [3, 3, 3]


def test_a_pod_sees_its_inputs_and_nothing_else_of_another(shell):
    made = "{{$.outputs.artifacts['model'].path}}"
    shell.task("Make", f"mkdir {made}; echo kept > {made}/a; echo lost > $MOUNTS_ROOT/b; {_NOTHING}", outputs=_MODEL)
    read = "{{$.inputs.artifacts['model'].path}}"
    shell.task("Read", f"cat {read}/a; test ! -e $MOUNTS_ROOT/b; {_NOTHING}", artifacts=_FROM_MAKE)
    assert shell.run().tasks["Read"].logs == ["kept\n"]


def test_a_failed_attempt_leaves_nothing_in_the_store(shell):
    made = "{{$.outputs.artifacts['model'].path}}"
    shell.task("Make", f"mkdir {made}; echo half > {made}/a; exit 1", outputs=_MODEL)
    shell.run()
    assert not (shell.platform.folder / "minio").exists()


def test_runtime_parameters_have_defaults_and_can_be_given(shell):
    shell.parameters = {"who": {"parameterType": "STRING", "defaultValue": "you"}}
    told = {"who": {"componentInputParameter": "who"}}
    shell.task("Greet", "echo {{$.inputs.parameters['who']}}; " + _NOTHING, parameters=told)
    assert shell.run().tasks["Greet"].logs == ["you\n"]
    assert shell.run(parameters={"who": "me"}).tasks["Greet"].logs == ["me\n"]
    with pytest.raises(ValueError, match="no such parameter"):
        shell.run(parameters={"whom": "me"})


def test_an_output_parameter_reaches_its_consumer(shell):
    shell.task("Count", """echo '{"parameterValues": {"n": 3}}' > {{$.outputs.output_file}}""")
    given = {"n": {"taskOutputParameter": {"producerTask": "Count", "outputParameterKey": "n"}}}
    shell.task("Tell", "echo {{$.inputs.parameters['n']}}; " + _NOTHING, parameters=given)
    assert shell.run().tasks["Tell"].logs == ["3\n"]


def test_an_equal_task_is_taken_from_the_cache_where_it_may_be(shell):
    shell.task("Cached", _NOTHING, cachingOptions={"enableCache": True})
    shell.task("Always", _NOTHING)
    shell.run()
    assert shell.run().states() == {"Always": "SUCCEEDED", "Cached": "CACHED"}
    shell.scripts["Cached"] += " # changed"
    assert shell.run().states()["Cached"] == "SUCCEEDED"


def test_the_end_is_told_whatever_happened(shell):
    shell.task("Make", "exit 1")
    status = {"status": {"taskFinalStatus": {"producerTask": "Make"}}}
    always = {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    shell.task("End", "echo '{{$.inputs.parameters['status']}}'; " + _NOTHING, parameters=status, triggerPolicy=always)
    run = shell.run()
    assert run.states() == {"Make": "FAILED", "End": "SUCCEEDED"}
    assert '"state": "FAILED"' in run.tasks["End"].logs[0]


def test_a_volume_is_seen_where_it_is_mounted(tmp_path):
    mount = {"mountPath": str(tmp_path / "mounted"), "constant": "models"}
    spec = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"Write": {"pvcMount": [mount]}}}}}}
    (tmp_path / "backend").mkdir()
    (tmp_path / "volume").mkdir()
    shell = Shell(tmp_path)
    shell.platform._volumes = Volumes.of(spec, {"models": tmp_path / "volume"})
    shell.task("Write", f"echo a > {tmp_path}/mounted/file; {_NOTHING}")
    shell.task("Other", f"test ! -e {tmp_path}/mounted; {_NOTHING}", dependentTasks=["Write"])
    assert shell.run().states() == {"Write": "SUCCEEDED", "Other": "SUCCEEDED"}
    assert (tmp_path / "volume" / "file").read_text() == "a\n"


def test_what_it_does_not_understand_it_refuses(shell):
    shell.task("Make", "echo {{$.inputs.something}}")
    with pytest.raises(ValueError, match="no backend fills this"):
        shell.run()
    shell.task("Make", _NOTHING, parameters={"x": {"parameterExpressionSelector": "parseJson(x)"}})
    with pytest.raises(ValueError, match="no backend knows such a parameter"):
        shell.run()
