import copy
import json
import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from pydantic import ValidationError

from components.training_operator import tfjob
from pipeline.config.platform.kubeflow import Kubeflow
from pipeline.nodes.training.tfjob import tfjob_options
from tests.pipeline.nodes import tfjob_schema
from tests.shared.kubernetes import VERSIONS

PLATFORM = {
    "kind": "kubeflow",
    "host": "http://ml-pipeline.kubeflow:8888",
    "namespace": "team",
    "image": "registry.example/tfx@sha256:0",
    "gpu_image": "registry.example/tfx-gpu@sha256:0",
    "root": "minio://mlpipeline/v2/artifacts",
    "serving": "/models/serving",
    "state": "/models/state",
    "secrets": [{"name": "tokens", "env": {"key": "TOKEN"}}],
    "volumes": [{"claim": "models", "mount": "/models"}, {"claim": "data", "mount": "/data", "sub_path": "taxi"}],
    "node_selector": {"pool": "gpu"},
    "tolerations": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
    "image_pull_secrets": ["registry"],
    "labels": {"team": "rides", "app.kubernetes.io/part-of": "city"},
    "training": {
        "workers": 3,
        "cpu": 7.5,
        "memory": "30G",
        "accelerator": {"type": "nvidia.com/gpu", "count": 2},
        "shared_folder": "/models/training",
        "service_account": "trainer",
    },
}


def manifest(user=1000, **training):
    platform = Kubeflow.model_validate({**PLATFORM, "training": {**PLATFORM["training"], **training}})
    options = tfjob_options(platform, platform.training, pipeline="taxi")
    return tfjob.manifest(options, name="train-0", command=["python", "-m", "trainer"], user=user, group=user)


def test_the_job_is_what_the_operator_and_kubernetes_take():
    job = manifest()
    tfjob_schema.check(job)
    replicas = job["spec"]["tfReplicaSpecs"]
    assert {kind: replica["replicas"] for kind, replica in replicas.items()} == {"Chief": 1, "Worker": 2}
    pod = replicas["Worker"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["image"] == "registry.example/tfx-gpu@sha256:0"
    assert container["resources"]["limits"] == {"cpu": "7.5", "memory": "30G", "nvidia.com/gpu": "2"}
    assert container["volumeMounts"] == [
        {"name": "volume-0", "mountPath": "/models"},
        {"name": "volume-1", "mountPath": "/data", "subPath": "taxi"},
    ]
    assert container["env"][1]["valueFrom"] == {"secretKeyRef": {"name": "tokens", "key": "key"}}
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["serviceAccountName"] == "trainer"
    assert (pod["nodeSelector"], pod["imagePullSecrets"]) == ({"pool": "gpu"}, [{"name": "registry"}])


def test_the_platform_s_labels_are_on_the_job_and_on_every_pod():
    job = manifest()
    labels = {"app.kubernetes.io/name": "trainer", "app.kubernetes.io/part-of": "city", "team": "rides"}
    pods = [replica["template"]["metadata"]["labels"] for replica in job["spec"]["tfReplicaSpecs"].values()]
    assert [job["metadata"]["labels"], *pods] == [labels] * 3


def test_one_process_is_a_chief_alone():
    job = manifest(workers=1, accelerator=None)
    tfjob_schema.check(job)
    assert list(job["spec"]["tfReplicaSpecs"]) == ["Chief"]
    [container] = job["spec"]["tfReplicaSpecs"]["Chief"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example/tfx@sha256:0"


def spoil(job, *path):
    *parents, key = path
    for parent in parents:
        job = job[parent]
    job[f"{key}x"] = job.pop(key)


@pytest.mark.parametrize(
    "path",
    [
        ("spec", "runPolicy", "cleanPodPolicy"),
        ("spec", "tfReplicaSpecs", "Chief", "restartPolicy"),
        ("spec", "tfReplicaSpecs", "Worker"),
        ("spec", "tfReplicaSpecs", "Chief", "template", "spec", "containers", 0, "volumeMounts"),
        ("spec", "tfReplicaSpecs", "Chief", "template", "spec", "securityContext", "runAsNonRoot"),
    ],
)
def test_a_field_that_is_misspelt_is_refused(path):
    job = copy.deepcopy(manifest())
    spoil(job, *path)
    with pytest.raises((ValidationError, kubernetes_validate.ValidationError), match=path[-1]):
        tfjob_schema.check(job)


def job_with(**status):
    job = manifest()
    return {**job, "metadata": {**job["metadata"], **status.pop("metadata", {})}, "status": status}


def test_a_job_is_taken_up_only_if_it_is_the_same_and_still_good():
    wanted = manifest()
    holds = [{"type": "Running", "status": "True", "message": "m"}, {"type": "Failed", "status": "False"}]
    assert tfjob.conditions(job_with(conditions=holds)) == {"Running": "m"}
    assert tfjob.is_adoptable(job_with(conditions=holds), wanted)
    assert tfjob.is_adoptable(job_with(), wanted)
    assert not tfjob.is_adoptable(job_with(conditions=[{"type": "Failed", "status": "True"}]), wanted)
    assert not tfjob.is_adoptable(job_with(metadata={"deletionTimestamp": "now"}), wanted)
    assert not tfjob.is_adoptable(job_with(), manifest(memory="31G"))


def test_the_shared_folder_must_lie_in_a_volume():
    with pytest.raises(ValidationError, match="training.shared_folder: /elsewhere is not below a mount of volumes"):
        manifest(shared_folder="/elsewhere")
    with pytest.raises(ValidationError, match="training.shared_folder"):
        manifest(shared_folder="gs://bucket/training")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", Path("docs/distributed_training.md").read_text(), re.DOTALL)


def test_the_documented_role_is_valid_and_says_what_the_executor_does():
    role, binding = (item for text in blocks("yaml") for item in yaml.safe_load_all(text) if item and "kind" in item)
    for version in VERSIONS:
        for item in (role, binding):
            assert kubernetes_validate.validate(item, version, strict=True) == version
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    allowed = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert allowed == {
        *((tfjob.GROUP, tfjob.PLURAL, verb) for verb in ("get", "create", "delete")),
        ("", "pods", "list"),
        ("", "pods/log", "get"),
    }


def test_the_documented_job_file_is_one():
    from trainer.job import TrainingJob

    [text] = blocks("json")
    assert TrainingJob.model_validate(json.loads(text)).checkpoints


def test_the_documented_profile_is_one():
    [training] = [yaml.safe_load(text)["training"] for text in blocks("yaml") if "shared_folder" in text]
    assert Kubeflow.model_validate({**PLATFORM, "training": training}).training.workers == 4
