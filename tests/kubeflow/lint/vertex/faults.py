"""The faults of the rules for Vertex alone."""

from __future__ import annotations

from functools import partial

from kubeflow.ir.pipeline_spec import CompiledPipeline
from tests.kubeflow.lint.cluster.vertex import FAULTS as TFJOB  # part: training_operator
from tests.kubeflow.lint.pipelines import constant, volumes
from tests.kubeflow.lint.planting import Fault, add_importer, default, in_box, in_spec, parameter, tasks
from tests.kubeflow.lint.vertex.endpoint import FAULTS as ENDPOINT  # part: endpoint
from tests.kubeflow.lint.vertex.formats import FAULTS as FORMATS


def trained_on(machine: str, accelerator: str | None = None, count: int = 1) -> tuple[str, ...]:
    given = f"{{type: {accelerator}, count: {count}}}" if accelerator else "null"
    return (f"platform.training.machine_type={machine}", f"platform.training.accelerator={given}")


def inner_type(pipeline: CompiledPipeline) -> None:
    pipeline.spec["components"]["tfx-dag"]["inputDefinitions"]["parameters"]["data_path"] = {"parameterType": "LIST"}
    pipeline.spec["root"]["inputDefinitions"]["parameters"]["data_path"] = {
        "parameterType": "LIST",
        "defaultValue": ["data/taxi"],
    }


def made_of(pipeline: CompiledPipeline) -> None:
    pipeline.spec["components"]["Evaluator"]["outputDefinitions"]["parameters"] = {
        "auc": {"parameterType": "NUMBER_DOUBLE"}
    }
    source = {"taskOutputParameter": {"producerTask": "Evaluator", "outputParameterKey": "auc"}}
    tasks(pipeline)["Pusher"]["inputs"]["parameters"]["base_directory"] = source


fault = partial(Fault, kind="vertex")

FAULTS = (
    *FORMATS,
    *ENDPOINT,  # part: endpoint
    fault(
        "vertex.spec.pipeline_name",
        "pipelineInfo.name",
        "'2024-taxi' does not match",
        plant=in_spec(pipelineInfo={"name": "2024-taxi"}),
    ),
    fault(
        "vertex.profile.root",
        "platform.root",
        "s3://acme/root is not in Cloud Storage",
        overrides=("platform.root=s3://acme/root",),
    ),
    fault(
        "vertex.profile.paths",
        "platform.state",
        "/models/state is a path, and Vertex mounts only buckets",
        overrides=("platform.state=/models/state",),
    ),
    fault(
        "vertex.profile.paths", "platform.state", "use gs://acme/state", overrides=("platform.state=/gcs/acme/state",)
    ),
    fault(
        "vertex.profile.paths",
        "platform.data",
        "/data is a path, and Vertex mounts only buckets",
        overrides=("platform.data=/data",),
    ),
    fault(
        "vertex.spec.imported",
        "Import.artifactUri",
        "minio://acme/schema cannot be mounted",
        plant=add_importer("minio://acme/schema"),
    ),
    fault(
        "vertex.tasks.limits",
        "Transform.resources.cpu",
        "more than 96 CPUs",
        plant=in_box("Transform", resources={"resourceCpuLimit": "128"}),
    ),
    fault(
        "vertex.tasks.limits",
        "Transform.resources.memory",
        "more than 624 GB",
        plant=in_box("Transform", resources={"memoryLimit": 625.0}),
    ),
    fault(
        "vertex.tasks.accelerators",
        "Transform.resources.accelerator",
        "nvidia.com/gpu is not an accelerator of Vertex",
        plant=in_box("Transform", resources={"accelerator": {"type": "nvidia.com/gpu", "count": 1}}),
    ),
    fault(
        "vertex.tasks.accelerators",
        "Transform.resources.accelerator",
        "there are no NVIDIA_TESLA_K80 any more",
        plant=in_box("Transform", resources={"accelerator": {"type": "NVIDIA_TESLA_K80", "count": 1}}),
    ),
    fault(
        "vertex.tasks.accelerators",
        "Transform.resources.accelerator",
        "asks for 3 NVIDIA_TESLA_T4, but a machine has 1 or 2 or 4",
        plant=in_box("Transform", resources={"accelerator": {"resourceType": "NVIDIA_TESLA_T4", "resourceCount": "3"}}),
    ),
    fault(
        "vertex.training.machine",
        "platform.training",
        "there is no n1-standard-6, but n1-standard-1, n1-standard-2",
        overrides=trained_on("n1-standard-6"),
    ),
    fault(
        "vertex.training.machine",
        "platform.training",
        "there is no g2-standard-20, but g2-standard-4",
        overrides=trained_on("g2-standard-20", "NVIDIA_L4"),
    ),
    fault(
        "vertex.training.machine",
        "platform.training",
        "TPU_V99 is not an accelerator that Vertex's client knows",
        overrides=trained_on("x9-standard-4", "TPU_V99"),
    ),
    fault(
        "vertex.training.machine",
        "platform.training",
        "n1-standard-32 needs 2 or 4 NVIDIA_TESLA_T4",
        overrides=trained_on("n1-standard-32", "NVIDIA_TESLA_T4"),
    ),
    fault(
        "vertex.training.machine",
        "platform.training",
        "a2-highgpu-2g comes with 2 NVIDIA_TESLA_A100, but the profile names none",
        overrides=trained_on("a2-highgpu-2g"),
    ),
    fault(
        "vertex.training.machine",
        "platform.training",
        "e2-standard-8 takes no NVIDIA_TESLA_T4",
        overrides=trained_on("e2-standard-8", "NVIDIA_TESLA_T4"),
    ),
    fault(
        "vertex.training.machine",
        "platform.training",
        "n1-standard-8 takes no NVIDIA_L4; machines with it are g2-standard-12",
        overrides=trained_on("n1-standard-8", "NVIDIA_L4"),
    ),
    *TFJOB,  # part: training_operator
    # Kubeflow Pipelines turns every value into a text where one is declared.
    fault(
        "inputs.constant_types",
        "Trainer.inputs.parameters.run_fn",
        "is declared as STRING, and 3",
        plant=parameter("Trainer", "run_fn", constant(3.0)),
    ),
    fault("inputs.default_types", "root.parameters.data_path", "is declared as STRING", plant=default(True)),
    fault(
        "inputs.parameter_links",
        "ExampleGen.inputs.parameters.input_base",
        "is declared as STRING, and what it is given is LIST",
        plant=inner_type,
    ),
    fault(
        "inputs.parameter_links",
        "Pusher.inputs.parameters.base_directory",
        "is declared as STRING, and what it is given is NUMBER_DOUBLE",
        plant=made_of,
    ),
    fault(
        "vertex.spec.platform_specs",
        "platforms",
        "is for Kubernetes",
        plant=lambda pipeline: object.__setattr__(pipeline, "platform_spec", volumes(["Transform"])),
    ),
    fault(
        "training.batch_of_replicas",
        "trainer.loop.global_batch_size",
        "127 is not divisible by 4 replicas",
        overrides=(
            "trainer.loop.global_batch_size=127",
            "platform.training.workers=2",
            "platform.training.accelerator.count=2",
        ),
    ),
    fault(
        "training.strategy_of_several",
        "trainer.loop.strategy",
        "is mirrored, with 2 workers",
        overrides=("trainer.loop.strategy=mirrored", "platform.training.workers=2"),
    ),
    fault(
        "training.idle_accelerator",
        "platform.tasks.Trainer.accelerator",
        "would be idle",
        overrides=("platform.tasks.Trainer.accelerator={type: NVIDIA_TESLA_T4}",),
    ),
)
