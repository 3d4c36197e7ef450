import ast
import copy
import importlib.util
import re
from importlib.metadata import version
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from pydantic import ValidationError

from kubeflow.cli import main
from kubeflow.flink.files import render
from kubeflow.flink.options import FLINK_VERSIONS, plan
from kubeflow.images import locks
from pipeline.config.loading import ConfigError, load
from tests.kubeflow.flink import flink_schema

EVERYTHING = (
    "platform.volumes=[{claim: models, mount: /models}, {claim: data, mount: /data, sub_path: taxi}]",
    "platform.secrets=[{name: tokens, env: {key: TOKEN}}]",
    "platform.node_selector={pool: beam}",
    "platform.tolerations=[{key: beam, effect: NoSchedule}]",
    "platform.image_pull_secrets=[registry]",
    "platform.labels={team: rides}",
    "beam.job_endpoint=jobs.my-namespace.svc:9099",
    "beam.worker_pool=127.0.0.1:50001",
)


def objects(taxi_config, *overrides, **words):
    config = load(config=taxi_config, profile="flink_kubernetes", overrides=overrides)
    texts = render(plan(config, words)).values()
    return {f"{item['kind']} {item['metadata']['name']}": item for text in texts for item in yaml.safe_load_all(text)}


def worker_pool(cluster):
    containers = cluster["spec"]["taskManager"]["podTemplate"]["spec"]["containers"]
    [pool] = [each for each in containers if each["name"] == "beam-worker-pool"]
    return pool


@pytest.mark.parametrize("overrides", [(), EVERYTHING])
def test_every_object_is_what_kubernetes_and_the_operator_take(taxi_config, overrides):
    found = objects(taxi_config, *overrides)
    flink_schema.check(found.pop("FlinkDeployment beam-flink"))
    assert len(found) == 4
    for item in found.values():
        for kubernetes in flink_schema.VERSIONS:
            assert kubernetes_validate.validate(item, kubernetes, strict=True) == kubernetes


def spoil(tree, *path):
    *parents, key = path
    for parent in parents:
        tree = tree[parent]
    tree[f"{key}x"] = tree.pop(key)


POD = ("spec", "taskManager", "podTemplate", "spec")


@pytest.mark.parametrize(
    "path",
    [
        ("spec", "flinkVersion"),
        ("spec", "taskManager", "resource", "memory"),
        (*POD, "securityContext", "runAsNonRoot"),
        (*POD, "containers", 1, "volumeMounts"),
        (*POD, "containers", 1, "resources", "limits"),
    ],
)
def test_a_field_that_is_misspelt_is_refused(taxi_config, path):
    cluster = copy.deepcopy(objects(taxi_config, *EVERYTHING)["FlinkDeployment beam-flink"])
    spoil(cluster, *path)
    with pytest.raises((ValidationError, kubernetes_validate.ValidationError), match=path[-1]):
        flink_schema.check(cluster)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (("spec", "flinkConfiguration", "kubernetes.cluster-id"), "mine"),
        (("spec", "jobManager", "replicas"), 2),
        ((*POD, "volumes"), []),
    ],
)
def test_what_the_operator_or_a_kubelet_refuses_is_found(taxi_config, key, value):
    cluster = objects(taxi_config)["FlinkDeployment beam-flink"]
    *parents, last = key
    tree = cluster
    for parent in parents:
        tree = tree[parent]
    tree[last] = value
    with pytest.raises(AssertionError):
        flink_schema.check(cluster)


def test_all_parts_name_each_other(taxi_config):
    """Ports and names that the profile, the job server and the cluster must agree on."""
    found = objects(taxi_config, *EVERYTHING)
    cluster = found["FlinkDeployment beam-flink"]
    pod = found["Deployment jobs"]["spec"]["template"]["spec"]
    [server] = pod["containers"]
    arguments = dict(argument.split("=") for argument in server["args"])
    assert arguments["--flink-master"] == "beam-flink-rest:8081"
    assert arguments["--job-host"] == "jobs.my-namespace.svc"
    # The expansion service binds to what the name says inside of the pod.
    assert pod["hostAliases"] == [{"ip": "127.0.0.1", "hostnames": ["jobs.my-namespace.svc"]}]
    service = found["Service jobs"]["spec"]
    assert [port["port"] for port in service["ports"]] == [9099, 8098]
    assert [int(arguments[key]) for key in ("--job-port", "--artifact-port")] == [9099, 8098]
    labels = found["Deployment jobs"]["spec"]["template"]["metadata"]["labels"]
    for selector in (service["selector"], found["Deployment jobs"]["spec"]["selector"]["matchLabels"]):
        assert selector.items() <= labels.items()
    pool = worker_pool(cluster)
    assert pool["args"] == ["--service_port=50001"]
    assert pool["image"].startswith("registry.example.com/tfx-pipeline@sha256:")
    assert [mount["mountPath"] for mount in pool["volumeMounts"]] == ["/models", "/data", "/tmp"]
    assert pool["env"][1]["valueFrom"] == {"secretKeyRef": {"name": "tokens", "key": "key"}}
    assert cluster["spec"]["flinkConfiguration"]["kubernetes.taskmanager.service-account"] == "pipeline-runner"
    assert {item["metadata"]["namespace"] for item in found.values()} == {"my-namespace"}
    for container in (pool, server):
        security = container["securityContext"]
        assert security["runAsNonRoot"]
        assert security["readOnlyRootFilesystem"]
        assert container["resources"]["limits"] == container["resources"]["requests"]
        assert container["readinessProbe"]["tcpSocket"]["port"] in {port["name"] for port in container["ports"]}


def test_nobody_but_its_own_pod_reaches_a_worker_pool(taxi_config):
    found = objects(taxi_config)
    port = worker_pool(found["FlinkDeployment beam-flink"])["ports"][0]["containerPort"]
    policy = found["NetworkPolicy beam-flink"]["spec"]
    assert policy["podSelector"] == {"matchLabels": {"app": "beam-flink"}}
    for rule in policy["ingress"]:
        assert port not in [each["port"] for each in rule["ports"]]
        assert rule["from"]


def test_the_versions_are_those_that_beam_publishes():
    """Read from its source: the import takes seconds."""
    source = Path(importlib.util.find_spec("apache_beam").origin).parent / "options" / "pipeline_options.py"
    [published] = re.findall(r"PUBLISHED_FLINK_VERSIONS = (\[.*?\])", source.read_text())
    assert ast.literal_eval(published) == list(FLINK_VERSIONS)
    # The version of the machine that renders is the one of the image that sends the jobs.
    assert locks.read(locks.RUNTIME)["apache-beam"].version == version("apache-beam")


@pytest.mark.parametrize("flink", FLINK_VERSIONS)
def test_the_job_server_is_of_both_versions(taxi_config, flink):
    found = objects(taxi_config, flink_version=flink, flink_image=f"flink:{flink}.1-java17")
    [server] = found["Deployment beam-job-server"]["spec"]["template"]["spec"]["containers"]
    assert server["image"] == f"apache/beam_flink{flink}_job_server:{version('apache-beam')}"
    flink_schema.check(found["FlinkDeployment beam-flink"])


@pytest.mark.parametrize(
    ("overrides", "words", "said"),
    [
        ((), {"flink_version": "1.18"}, r"flink_version: Beam \S+ has no job server for Flink 1.18; there are 1.19"),
        ((), {"flink_image": "flink:1.20.1"}, "flink_image: 'flink:1.20.1' is not Flink 1.19"),
        ((), {"flink_image": "flink@sha256:" + "0" * 64}, "flink_image: .* names no version"),
        ((), {"job_server_image": "me/beam_flink1.19_job_server:2.70.0"}, "job_server_image: .* must be beam_flink1"),
        ((), {"job_server_image": "me/beam_flink1.20_job_server:2.77.0"}, "job_server_image: .* must be beam_flink1"),
        ((), {"slot": "3"}, "--cluster slot: unknown key; known here: name"),
        ((), {"slots": "0"}, "--cluster slots: Input should be greater than 0"),
        ((), {"workers": "{cpu: 2, memory: lots}"}, "--cluster workers.memory: 'lots' is not an amount of memory"),
        (("beam.job_endpoint=localhost:8099",), {}, "beam.job_endpoint: 'localhost' must be the name of a Service"),
        (("beam.job_endpoint=jobs.other:8099",), {}, "beam.job_endpoint: .* another namespace .* my-namespace"),
        (("beam.worker_pool=pools:50000",), {}, "beam.worker_pool: 'pools' must be localhost"),
        (
            ("beam.runner=PortableRunner", "beam.job_endpoint=jobs:8099"),
            {},
            "flink-files: the profile must have platform.kind: kubeflow and beam.runner: FlinkRunner",
        ),
    ],
)  # fmt: skip
def test_what_could_not_work_is_refused(taxi_config, overrides, words, said):
    with pytest.raises(ConfigError, match=said):
        objects(taxi_config, *overrides, **words)


def test_the_command_writes_the_files_and_says_what_is_wrong(tmp_path, capsys):
    command = ["flink-files", "--profile", "flink_kubernetes", "--output", str(tmp_path / "flink")]
    assert main([*command, "--cluster", "slots=3"]) == 0
    printed = capsys.readouterr().out.split()
    assert sorted(printed) == sorted(map(str, (tmp_path / "flink").iterdir()))
    [cluster] = yaml.safe_load_all((tmp_path / "flink" / "cluster.yaml").read_text())
    assert cluster["spec"]["flinkConfiguration"]["taskmanager.numberOfTaskSlots"] == "3"
    assert main([*command, "--cluster", "slots"]) == 2
    assert main(["flink-files", "--profile", "local"]) == 2
    assert "the profile does not name a platform" in capsys.readouterr().err
