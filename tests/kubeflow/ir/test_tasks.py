"""What the profile gives each node, written into a PipelineSpec. No TFX: the golden file stands for the compiler."""

import copy

import pytest
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

from kubeflow.ir import kubernetes_spec, pipeline_spec, tasks
from pipeline.config.loading import ConfigError
from pipeline.config.platform.platform import TaskOptions
from tests.kubeflow.ir.golden_ir import config_of, golden_file

UNCACHED = {"DataGate", "Pusher"}


def configured(*overrides, profile="kubeflow"):
    spec = pipeline_spec.read(golden_file(profile)).spec
    config = config_of(profile, *overrides)
    return pipeline_spec.CompiledPipeline(
        spec=tasks.configure(_unopened(spec), config, uncached=UNCACHED, gates={"DataGate", "ModelGate"})
    )


def _unopened(spec):
    """The spec as before its runtime parameter was opened."""
    spec = copy.deepcopy(spec)
    compiled = pipeline_spec.CompiledPipeline(spec=spec)
    for node in ("DataFingerprint", "ExampleGen"):
        compiled.tasks()[node]["inputs"]["parameters"]["input_base"] = {"runtimeValue": {"constant": "data/taxi"}}
    spec["root"].pop("inputDefinitions")
    return spec


def test_a_node_gets_the_default_and_its_own_keys_over_it():
    compiled = configured("platform.tasks.Transform={cpu: null, memory: 20Gi}", "platform.default.cpu=1.5")
    transform = compiled.executor("Transform")["container"]["resources"]
    assert transform == {
        "cpuLimit": 1.5,
        "resourceCpuLimit": "1.5",
        "memoryLimit": pytest.approx(21.47483648),
        "resourceMemoryLimit": "20Gi",
    }
    assert compiled.executor("StatisticsGen")["container"]["resources"]["resourceMemoryLimit"] == "8G"


def test_the_exit_handler_gets_resources_too():
    compiled = configured("platform.tasks.ExitNotice={memory: 1G}")
    assert compiled.executor("ExitNotice")["container"]["resources"]["memoryLimit"] == 1.0


@pytest.mark.parametrize(
    ("memory", "wanted"), [("16G", 16), ("512M", 0.512), ("1Ki", 1.024e-6), ("2000000000", 2), ("1.5Gi", 1.610612736)]
)
def test_memory_in_gigabytes(memory, wanted):
    assert tasks.gigabytes(memory) == pytest.approx(wanted)


def test_an_accelerator_brings_the_gpu_image():
    compiled = configured(
        "platform.tasks.Trainer={accelerator: {type: nvidia.com/gpu, count: 2}}", "platform.gpu_image=gpu@sha256:1"
    )
    container = compiled.executor("Trainer")["container"]
    assert container["image"] == "gpu@sha256:1"
    assert container["resources"]["accelerator"] == {
        "type": "nvidia.com/gpu",
        "count": "2",
        "resourceType": "nvidia.com/gpu",
        "resourceCount": "2",
    }
    assert compiled.executor("Transform")["container"]["image"] != "gpu@sha256:1"


@pytest.mark.parametrize(
    ("profile", "most"),
    [
        ("kubeflow", "31536000s"),
        ("vertex", "3600s"),  # part: vertex
    ],
)
def test_retries_wait_longer_each_time_and_gates_are_not_tried_again(profile, most):
    compiled = configured("platform.default={retries: 3, retry_seconds: 10}", profile=profile)
    assert compiled.task("Trainer")["retryPolicy"] == {
        "maxRetryCount": 3,
        "backoffDuration": "10s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": most,
    }
    for gate in ("DataGate", "ModelGate"):
        assert "retryPolicy" not in configured(profile=profile).task(gate)


@pytest.mark.parametrize("ran", [4_000, 40 * 86_400])
def test_argo_tries_a_task_again_however_long_it_ran(ran):
    """Argo's rule (processNodeRetries): no attempt begins later than ``maxDuration`` after the first one began."""
    compiled = pipeline_spec.read(golden_file("kubeflow"))
    policies = [policy for node in compiled.tasks() if (policy := compiled.task(node).get("retryPolicy"))]
    assert compiled.task("Trainer")["retryPolicy"] in policies
    for policy in policies:
        wait, most = (int(policy[key].removesuffix("s")) for key in ("backoffDuration", "backoffMaxDuration"))
        assert ran + wait < most
        # Kubernetes' largest activeDeadlineSeconds, which Argo gives the pod.
        assert most < 2**31


def test_a_gate_is_tried_again_where_the_profile_says_so():
    assert configured("platform.tasks.DataGate={retries: 1}").task("DataGate")["retryPolicy"]["maxRetryCount"] == 1


def test_caching_is_the_pipelines_unless_a_node_has_its_own():
    compiled = configured("platform.tasks.Trainer={cache: false}")
    assert compiled.task("Transform")["cachingOptions"] == {"enableCache": True}
    assert compiled.task("Trainer")["cachingOptions"] == {}
    assert configured("cache=false").task("Transform")["cachingOptions"] == {}


def test_what_looks_at_the_world_as_it_is_now_is_never_cached():
    compiled = configured("platform.tasks.Pusher={cache: true}")
    assert compiled.task("Pusher")["cachingOptions"] == {}
    assert compiled.task("ExitNotice")["cachingOptions"] == {}


def test_the_node_that_looks_at_the_files_gets_what_example_gen_gets():
    given = {node: configured().tasks()[node]["inputs"]["parameters"] for node in ("DataFingerprint", "ExampleGen")}
    assert given["DataFingerprint"]["input_base"] == {"componentInputParameter": "data_path"}
    assert given["DataFingerprint"].items() <= given["ExampleGen"].items()


def test_a_runtime_parameter_keeps_the_value_as_its_default_and_reaches_the_task_through_the_inner_dag():
    compiled = configured("platform.parameters={data_path: ExampleGen.input_base, rows: InfraValidator.num_examples}")
    root = compiled.spec["root"]
    assert root["inputDefinitions"]["parameters"]["data_path"] == {
        "parameterType": "STRING",
        "defaultValue": "data/taxi",
        "isOptional": True,
    }
    assert root["inputDefinitions"]["parameters"]["rows"]["parameterType"] == "NUMBER_INTEGER"
    assert root["dag"]["tasks"][pipeline_spec.INNER_DAG]["inputs"]["parameters"]["data_path"] == {
        "componentInputParameter": "data_path"
    }
    inner = compiled.spec["components"][pipeline_spec.INNER_DAG]
    assert inner["inputDefinitions"]["parameters"]["rows"] == {"parameterType": "NUMBER_INTEGER"}
    given = compiled.tasks()["InfraValidator"]["inputs"]["parameters"]["num_examples"]
    assert given == {"componentInputParameter": "rows"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("platform.tasks.Trainr={cpu: 1}", "platform.tasks.Trainr: there is no such node"),
        ("platform.parameters.rows=Trainr.rows", "platform.parameters.rows: there is no node 'Trainr'"),
        ("platform.parameters.rows=Pusher.rows", "Pusher has no property 'rows' that can be set; it has "),
    ],
)
def test_a_node_or_property_that_is_not_there_is_a_config_error(override, message):
    with pytest.raises(ConfigError, match=message):
        configured(override)


def test_the_spec_that_came_in_is_left_as_it_was():
    before = _unopened(pipeline_spec.read(golden_file("kubeflow")).spec)
    kept = copy.deepcopy(before)
    tasks.configure(before, config_of("kubeflow"), uncached=UNCACHED, gates=())
    assert before == kept


def test_a_task_lays_its_keys_over_the_default():
    assert TaskOptions(cpu=1, cache=False).over(TaskOptions(cpu=2, memory="8G")) == TaskOptions(
        cpu=1, memory="8G", cache=False
    )


def pod_of(*overrides):
    spec = pipeline_spec.read(golden_file("kubeflow")).spec
    document = kubernetes_spec.platform_spec(spec, config_of("kubeflow", *overrides).platform)
    executors = document["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    labels = {component["executorLabel"] for component in spec["components"].values() if "executorLabel" in component}
    assert set(executors) == labels
    json_format.ParseDict(document["platforms"]["kubernetes"], pipeline_spec_pb2.SinglePlatformSpec())
    pods = [
        json_format.ParseDict(pod, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
        for pod in executors.values()
    ]
    assert all(pod == pods[0] for pod in pods)
    return pods[0]


def test_every_pod_has_the_secrets_volumes_and_places_of_the_profile():
    pod = pod_of(
        "platform.secrets=[{name: hook, env: {url: HOOK_URL}}]",
        "platform.volumes=[{claim: models, mount: /models, sub_path: taxi}]",
        "platform.node_selector={pool: cpu}",
        "platform.tolerations=[{key: gpu, operator: Equal, value: 'yes', effect: NoSchedule}]",
        "platform.image_pull_secrets=[registry]",
        "platform.labels={team: fares}",
    )
    [secret] = pod.secret_as_env
    assert (secret.secret_name, secret.key_to_env[0].secret_key, secret.key_to_env[0].env_var) == (
        "hook",
        "url",
        "HOOK_URL",
    )
    [mount] = pod.pvc_mount
    assert (mount.constant, mount.mount_path, mount.sub_path) == ("models", "/models", "taxi")
    assert mount.pvc_name_parameter.runtime_value.constant.string_value == "models"
    assert dict(pod.node_selector.labels) == {"pool": "cpu"}
    assert (pod.tolerations[0].key, pod.tolerations[0].value, pod.tolerations[0].effect) == ("gpu", "yes", "NoSchedule")
    assert pod.image_pull_secret[0].secret_name == "registry"
    assert dict(pod.pod_metadata.labels) == {"team": "fares"}


def test_there_is_no_platform_spec_without_anything_in_it():
    spec = pipeline_spec.read(golden_file("kubeflow")).spec
    assert kubernetes_spec.platform_spec(spec, config_of("kubeflow", "platform.volumes=[]").platform) is None
    assert kubernetes_spec.platform_spec(spec, config_of("vertex").platform) is None  # part: vertex
