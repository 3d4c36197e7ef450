"""What Vertex takes is no violation; see tests/kubeflow/lint/test_lint.py for the faults."""

import ast
import importlib.util
from pathlib import Path

import pytest

from kubeflow.lint import lint
from kubeflow.lint.vertex import machines
from tests.kubeflow.lint import pipelines


@pytest.mark.parametrize("text", ["data/taxi", "gs://acme/data", "/tmp/x", "/gcs/acme/data"])
def test_paths_that_a_container_on_vertex_has(text):
    pipeline = pipelines.compiled("vertex")
    pipeline.spec["root"]["inputDefinitions"]["parameters"]["data_path"]["defaultValue"] = text
    assert lint(pipeline, pipelines.config("vertex")) == []


@pytest.mark.parametrize(
    ("machine", "accelerator", "count"),
    [
        ("n1-highmem-2", "NVIDIA_TESLA_V100", 8),
        ("n1-standard-96", "NVIDIA_TESLA_T4", 4),
        ("g2-standard-48", "NVIDIA_L4", 4),
        ("a3-highgpu-8g", "NVIDIA_H100_80GB", 8),
        ("cloud-tpu", "TPU_V3", 8),
        ("c2-standard-60", None, 0),
        ("n1-standard-2", None, 0),
        # Families and sizes that are not listed are the platform's to judge.
        ("ct6e-standard-4t", None, 0),
        ("ct5lp-hightpu-16t", "TPU_V5_LITEPOD", 16),
        ("c3d-standard-30", None, 0),
        ("c4-standard-8", None, 0),
        ("n4-highmem-16", None, 0),
        ("a3-highgpu-16g", "NVIDIA_H100_80GB", 16),
        ("a5-highgpu-4g", "NVIDIA_B200", 4),
        ("g4-standard-24", "NVIDIA_RTX_PRO_6000", 1),
        ("n1-custom-6-8192", "NVIDIA_TESLA_T4", 1),
    ],
)
def test_machines_that_there_are_or_may_be(machine, accelerator, count):
    assert machines.machine_problem(machine) is None
    assert machines.fit_problem(machine, accelerator, count) is None


@pytest.mark.parametrize("machine", ["c4-standard-8", "ct6e-standard-4t"])
def test_an_unknown_family_is_the_platform_s_to_judge(machine):
    training = (f"platform.training.machine_type={machine}", "platform.training.accelerator=null")
    config = pipelines.config("vertex", *training)
    assert lint(pipelines.compiled("vertex"), config) == []


def test_data_on_vertex_may_be_named_by_its_mount():
    config = pipelines.config("vertex", "platform.data=/gcs/acme/data")
    assert lint(pipelines.compiled("vertex"), config) == []


def test_what_vertex_takes_is_no_violation():
    pipeline = pipelines.compiled("vertex")
    pipeline.spec["schemaVersion"] = "2.0.0"
    box = pipeline.spec["deploymentSpec"]["executors"]["Transform_executor"]["container"]
    # Machines with accelerators are larger than those without, and some came later than this list.
    box["resources"] = {"cpuLimit": 208.0, "accelerator": {"type": "NVIDIA_NEXT", "count": 8}}
    config = pipelines.config("vertex", "platform.training.spot=true", "platform.tasks.Trainer.retries=0")
    assert [str(violation) for violation in lint(pipeline, config)] == []


def test_accelerators_are_those_of_the_sdk():
    # Read, not imported: the SDK takes seconds.
    package = Path(importlib.util.find_spec("google.cloud.aiplatform_v1").submodule_search_locations[0])
    tree = ast.parse((package / "types" / "accelerator_type.py").read_text())
    enum = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "AcceleratorType")
    names = {item.targets[0].id for item in enum.body if isinstance(item, ast.Assign)}
    assert names - {"ACCELERATOR_TYPE_UNSPECIFIED"} == machines.ACCELERATORS
