"""The faults that the rules are for: each planted in a clean pipeline, with the one finding that it gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kubeflow.ir.pipeline_spec import CompiledPipeline
from tests.kubeflow.lint.pipelines import PIN, artifact, component, constant

Plant = Callable[[CompiledPipeline], Any]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One planted fault.

    Attributes:
        rule: the module and the function that must find it.
        where: the finding's place.
        what: a part of the finding's text.
        plant: changes the compiled pipeline.
        overrides: change the config.
        kind: the platform.
    """

    rule: str
    where: str
    what: str
    plant: Plant = lambda pipeline: None
    overrides: tuple[str, ...] = ()
    kind: str = "vertex"

    def __str__(self) -> str:
        return f"{self.rule}-{self.kind}-{self.where}"


def tasks(pipeline: CompiledPipeline) -> dict[str, Any]:
    return pipeline.spec["components"]["tfx-dag"]["dag"]["tasks"]


def box(pipeline: CompiledPipeline, node: str = "Transform") -> dict[str, Any]:
    return pipeline.spec["deploymentSpec"]["executors"][f"{node}_executor"]["container"]


def executor(node: str, value: dict[str, Any]) -> Plant:
    return lambda pipeline: pipeline.spec["deploymentSpec"]["executors"].update({f"{node}_executor": value})


def in_task(node: str, **values: Any) -> Plant:
    return lambda pipeline: tasks(pipeline)[node].update(values)


def in_box(node: str, **values: Any) -> Plant:
    return lambda pipeline: box(pipeline, node).update(values)


def in_component(node: str, **values: Any) -> Plant:
    return lambda pipeline: pipeline.spec["components"][node].update(values)


def parameter(node: str, key: str, value: Any) -> Plant:
    return lambda pipeline: tasks(pipeline)[node]["inputs"]["parameters"].update({key: value})


def given(node: str, key: str, value: dict[str, Any]) -> Plant:
    return lambda pipeline: tasks(pipeline)[node]["inputs"]["artifacts"].update({key: value})


def in_spec(**values: Any) -> Plant:
    return lambda pipeline: pipeline.spec.update(values)


def default(value: Any) -> Plant:
    return lambda pipeline: pipeline.spec["root"]["inputDefinitions"]["parameters"]["data_path"].update(
        {"defaultValue": value}
    )


def trained_on(machine: str, accelerator: str | None = None, count: int = 1) -> tuple[str, ...]:
    given = f"{{type: {accelerator}, count: {count}}}" if accelerator else "null"
    return (f"platform.training.machine_type={machine}", f"platform.training.accelerator={given}")


def rename(old: str, new: str) -> Plant:
    def plant(pipeline: CompiledPipeline) -> None:
        owner = tasks(pipeline)
        owner[new] = owner.pop(old)

    return plant


def add_importer(uri: str, **task_keys: Any) -> Plant:
    def plant(pipeline: CompiledPipeline) -> None:
        pipeline.spec["components"]["Import"] = component("Import", outputs=("schema",))
        importer = {"importer": {"artifactUri": {"constant": uri}, "typeSchema": {"schemaTitle": "system.Artifact"}}}
        pipeline.spec["deploymentSpec"]["executors"]["Import_executor"] = importer
        tasks(pipeline)["Import"] = {"taskInfo": {"name": "Import"}, "componentRef": {"name": "Import"}, **task_keys}

    return plant


def platform_executors(pipeline: CompiledPipeline) -> dict[str, Any]:
    return pipeline.platform_spec["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def required_input(pipeline: CompiledPipeline) -> None:
    pipeline.spec["components"]["Transform"]["inputDefinitions"]["artifacts"]["schema"] = {
        "artifactType": {"schemaTitle": "tfx.Schema"}
    }


def unused_parameter(pipeline: CompiledPipeline) -> None:
    pipeline.spec["root"]["inputDefinitions"]["parameters"]["epochs"] = {
        "parameterType": "NUMBER_INTEGER",
        "defaultValue": 3,
    }


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


def component_root(pipeline: CompiledPipeline) -> None:
    pipeline.spec["components"]["root"] = pipeline.spec["components"].pop("Transform")
    tasks(pipeline)["Transform"]["componentRef"]["name"] = "root"


def handler_artifact(pipeline: CompiledPipeline) -> None:
    pipeline.spec["root"]["dag"]["tasks"]["ExitNotice"]["inputs"]["artifacts"] = {
        "model": {"componentInputArtifact": "model"}
    }
    kind = {"artifactType": {"schemaTitle": "tfx.Model"}}
    pipeline.spec["root"]["inputDefinitions"]["artifacts"] = {"model": kind}
    pipeline.spec["components"]["ExitNotice"]["inputDefinitions"]["artifacts"] = {"model": kind}


def iterates(pipeline: CompiledPipeline) -> None:
    tasks(pipeline)["Transform"]["artifactIterator"] = {"items": {"inputArtifact": "examples"}, "itemInput": "examples"}


def distributed(pipeline: CompiledPipeline) -> None:
    box(pipeline, "ExampleGen")["args"] = ["--runner=DataflowRunner"]


def webhook_secret(variable: str) -> tuple[str, ...]:
    return (f"platform.secrets=[{{name: hook, env: {{url: {variable}}}}}]",)


def with_endpoint(text: str) -> tuple[str, ...]:
    return (f"platform.endpoint={{display_name: taxi, serving_image: acme/serving{PIN}, {text}}}",)


ENV = [{"name": "HF=TOKEN", "value": "x"}]
CHECKPOINTS = "custom_config.checkpoints"
DATAFLOW = "beam={runner: DataflowRunner, project: acme, region: europe-west4, temp_location: %s}"
TFJOB = "platform.training={workers: 2, shared_folder: %s}"

SCHEMA = (
    Fault(rule="schema.root", where="root", what="is empty", plant=in_spec(root={})),
    Fault(
        rule="schema.schema_version",
        where="schemaVersion",
        what="is 2.0.0",
        plant=in_spec(schemaVersion="2.0.0"),
        kind="kubeflow",
    ),
    Fault(rule="schema.schema_version", where="schemaVersion", what="is missing", plant=in_spec(schemaVersion="")),
    Fault(rule="schema.pipeline_spec", where="pipeline", what='no field named "stages"', plant=in_spec(stages=[])),
    Fault(
        rule="schema.deployment_spec",
        where="deploymentSpec",
        what='no field named "imagePolicy"',
        plant=in_box("Transform", imagePolicy="Always"),
    ),
    Fault(
        rule="schema.platform_spec",
        where="platforms.kubernetes.Transform_executor",
        what='no field named "pvcMounts"',
        plant=lambda pipeline: platform_executors(pipeline).update(Transform_executor={"pvcMounts": []}),
        kind="kubeflow",
    ),
)
REFERENCES = (
    Fault(
        rule="references.component_refs",
        where="Transform.componentRef",
        what="there is no component 'Trans'",
        plant=in_task("Transform", componentRef={"name": "Trans"}),
    ),
    Fault(
        rule="references.executor_labels",
        where="Transform.executorLabel",
        what="there is no executor 'gone'",
        plant=in_component("Transform", executorLabel="gone"),
    ),
    Fault(
        rule="references.executor_kinds",
        where="deploymentSpec.Transform_executor",
        what="says not how it is run",
        plant=executor("Transform", {}),
    ),
    Fault(
        rule="references.sources",
        where="Transform.inputs.artifacts.examples",
        what="comes from nowhere",
        plant=given("Transform", "examples", {}),
    ),
    Fault(
        rule="references.sources",
        where="Trainer.inputs.parameters.run_fn",
        what="comes from nowhere",
        plant=parameter("Trainer", "run_fn", {"runtimeValue": {}}),
    ),
    Fault(
        rule="references.producers",
        where="Trainer.inputs.artifacts.examples",
        what="comes from 'Transform_task', which is no task",
        plant=given("Trainer", "examples", artifact("Transform_task", "transformed_examples")),
    ),
    Fault(
        rule="references.producers",
        where="ExitNotice.inputs.parameters.final_status",
        what="comes from 'dag', which is no task",
        plant=lambda pipeline: pipeline.spec["root"]["dag"]["tasks"]["ExitNotice"]["inputs"]["parameters"].update(
            final_status={"taskFinalStatus": {"producerTask": "dag"}}
        ),
    ),
    Fault(
        rule="references.output_keys",
        where="Trainer.inputs.artifacts.examples",
        what="Transform has no output 'examples'; there is transformed_examples",
        plant=given("Trainer", "examples", artifact("Transform", "examples")),
    ),
    Fault(
        rule="references.output_keys",
        where="Trainer.inputs.parameters.run_fn",
        what="Transform has no output 'run_fn'; there is none",
        plant=parameter(
            "Trainer", "run_fn", {"taskOutputParameter": {"producerTask": "Transform", "outputParameterKey": "run_fn"}}
        ),
    ),
    Fault(
        rule="references.component_inputs",
        where="ExampleGen.inputs.parameters.input_base",
        what="the input 'data', which tfx-dag does not have; there is data_path",
        plant=lambda pipeline: (
            parameter("ExampleGen", "input_base", {"componentInputParameter": "data"})(pipeline),
            parameter("ExampleGen", "input_config", {"componentInputParameter": "data_path"})(pipeline),
        ),
    ),
    Fault(
        rule="references.component_inputs",
        where="Transform.inputs.artifacts.examples",
        what="the input 'examples', which tfx-dag does not have",
        plant=given("Transform", "examples", {"componentInputArtifact": "examples"}),
    ),
    Fault(
        rule="references.dependent_tasks",
        where="Transform.dependentTasks",
        what="waits for 'SchemaGen', which is no task",
        plant=in_task("Transform", dependentTasks=["ExampleGen", "SchemaGen"]),
    ),
    Fault(
        rule="references.dag_outputs",
        where="tfx-dag.outputs.artifacts.model",
        what="comes from 'Tuner', which is no task",
        plant=lambda pipeline: pipeline.spec["components"]["tfx-dag"]["dag"].update(
            outputs={
                "artifacts": {"model": {"artifactSelectors": [{"producerSubtask": "Tuner", "outputArtifactKey": "m"}]}}
            }
        ),
    ),
    Fault(
        rule="references.cycles",
        where="Evaluator",
        what="tasks wait for each other: Evaluator -> Trainer -> Evaluator",
        plant=in_task("Trainer", dependentTasks=["Evaluator"]),
    ),
    Fault(
        rule="references.platform_executors",
        where="platforms.kubernetes.exec-Transform",
        what="is for an executor that there is not",
        plant=lambda pipeline: platform_executors(pipeline).update({"exec-Transform": {}}),
        kind="kubeflow",
    ),
)
INPUTS = (
    Fault(
        rule="inputs.missing",
        where="Transform.inputs.artifacts.schema",
        what="the task does not give it",
        plant=required_input,
    ),
    Fault(
        rule="inputs.undeclared",
        where="Transform.inputs.parameters.splits",
        what="the component does not declare it",
        plant=parameter("Transform", "splits", constant("train")),
    ),
    Fault(
        rule="inputs.constant_types",
        where="ExampleGen.inputs.parameters.output_data_format",
        what='is declared as NUMBER_INTEGER, and "6" is given',
        plant=parameter("ExampleGen", "output_data_format", constant("6")),
        kind="kubeflow",
    ),
    Fault(
        rule="inputs.constant_types",
        where="Trainer.inputs.parameters.run_fn",
        what="is declared as STRING, and 3",
        plant=parameter("Trainer", "run_fn", constant(3.0)),
    ),
    Fault(
        rule="inputs.default_types",
        where="root.parameters.data_path",
        what="is declared as STRING",
        plant=default(True),
    ),
    Fault(
        rule="inputs.parameter_links",
        where="ExampleGen.inputs.parameters.input_base",
        what="is declared as STRING, and what it is given is LIST",
        plant=inner_type,
    ),
    Fault(
        rule="inputs.parameter_links",
        where="Pusher.inputs.parameters.base_directory",
        what="is declared as STRING, and what it is given is NUMBER_DOUBLE",
        plant=made_of,
    ),
    Fault(
        rule="inputs.unused_parameters",
        where="root.parameters.epochs",
        what="is taken by no task",
        plant=unused_parameter,
    ),
)
NAMES = (
    Fault(
        rule="names.pipeline_name",
        where="pipelineInfo.name",
        what="'taxi_trips' does not match",
        plant=in_spec(pipelineInfo={"name": "taxi_trips"}),
        kind="kubeflow",
    ),
    Fault(
        rule="names.pipeline_name",
        where="pipelineInfo.name",
        what="'2024-taxi' does not match",
        plant=in_spec(pipelineInfo={"name": "2024-taxi"}),
    ),
    Fault(
        rule="names.task_names",
        where="My_Pusher",
        what="is no name of an Argo task",
        plant=rename("Pusher", "My_Pusher"),
        kind="kubeflow",
    ),
    Fault(
        rule="names.task_names",
        where="2ndPusher",
        what="a letter first",
        plant=rename("Pusher", "2ndPusher"),
        kind="kubeflow",
    ),
    Fault(rule="names.reserved_component", where="root", what="the pipeline's own DAG", plant=component_root),
    Fault(
        rule="names.labels",
        where="platform.labels.team",
        what="'Taxi Team' is no label",
        overrides=("platform.labels.team=Taxi Team",),
    ),
    Fault(
        rule="names.kubernetes_names",
        where="platform.volumes.0.claim",
        what="'My_Models' is no name",
        overrides=("platform.volumes=[{claim: My_Models, mount: /models}]",),
        kind="kubeflow",
    ),
)
BACKEND = (
    Fault(
        rule="backend.final_status",
        where="ExitNotice.inputs.parameters.final_status",
        what="this is no exit handler",
        plant=lambda pipeline: pipeline.spec["root"]["dag"]["tasks"]["ExitNotice"].pop("triggerPolicy"),
    ),
    Fault(
        rule="backend.resolvers",
        where="Transform",
        what="is a resolver",
        plant=executor("Transform", {"resolver": {"outputArtifactQueries": {"model": {"filter": "x"}}}}),
        kind="kubeflow",
    ),
    Fault(
        rule="backend.custom_jobs",
        where="Trainer",
        what="is a Vertex custom job",
        plant=executor("Trainer", {"customJob": {"customJob": {"workerPoolSpecs": []}}}),
        kind="kubeflow",
    ),
    Fault(
        rule="backend.conditional_importers",
        where="Import.triggerPolicy",
        what="is an importer with a condition",
        plant=add_importer("gs://acme/schema", triggerPolicy={"condition": "1 == 1"}),
        kind="kubeflow",
    ),
    Fault(
        rule="backend.artifact_iterators",
        where="Transform.artifactIterator",
        what="once for each of several artifacts",
        plant=iterates,
        kind="kubeflow",
    ),
    Fault(
        rule="backend.conditions",
        where="Pusher.triggerPolicy.condition",
        what="is no CEL expression",
        plant=in_task("Pusher", triggerPolicy={"condition": "inputs.artifacts['model'] === 1"}),
    ),
    Fault(
        rule="backend.conditions",
        where="Pusher.triggerPolicy.condition",
        what="asks for the input 'blessing', which the task does not get; there is model, model_blessing",
        plant=in_task(
            "Pusher", triggerPolicy={"condition": "inputs.artifacts['blessing'].artifacts[0].uri != 'nothing.here'"}
        ),
    ),
    Fault(
        rule="backend.conditions",
        where="Pusher.triggerPolicy.condition",
        what="asks for 'blessed'",
        plant=in_task("Pusher", triggerPolicy={"condition": "blessed == 1"}),
    ),
    Fault(
        rule="backend.spans",
        where="ExampleGen.inputs.parameters.input_config.splits.0.pattern",
        what="span-{SPAN}/*.csv",
        plant=parameter(
            "ExampleGen", "input_config", constant(json.dumps({"splits": [{"pattern": "span-{SPAN}/*.csv"}]}))
        ),
        kind="kubeflow",
    ),
    Fault(
        rule="backend.stock_infra_validator",
        where="Transform",
        what="needs docker",
        plant=in_box("Transform", args=["--executor_class_path", "tfx.components.infra_validator.executor.Executor"]),
    ),
    Fault(
        rule="backend.entry_points",
        where="Transform.command",
        what="TFX's own entry point",
        plant=in_box("Transform", command=["python", "-m", "tfx.orchestration.kubeflow.v2.container.entrypoint"]),
        kind="kubeflow",
    ),
    Fault(
        rule="backend.exit_handler_artifacts",
        where="ExitNotice.inputs.artifacts.model",
        what="runs where none was made",
        plant=handler_artifact,
    ),
)
PROFILE = (
    Fault(
        rule="placeholders.placeholders",
        where="platform.project",
        what="still holds the placeholder my-project",
        overrides=("platform.project=my-project",),
    ),
    Fault(
        rule="placeholders.placeholders",
        where="platform.gpu_image",
        what="registry.example.com and sha256:000...",
        overrides=(f"platform.gpu_image=registry.example.com/gpu@sha256:{'0' * 64}",),
    ),
    Fault(
        rule="placeholders.images",
        where="Transform.image",
        what="tfx-pipeline@sha256:000... is a placeholder",
        plant=in_box("Transform", image=f"acme/tfx-pipeline@sha256:{'0' * 64}"),
    ),
    Fault(
        rule="images.unpinned",
        where="Transform.image",
        what="acme/tfx:latest is not pinned",
        plant=in_box("Transform", image="acme/tfx:latest"),
    ),
    Fault(
        rule="images.unpinned",
        where="platform.endpoint.serving_image",
        what="is not pinned by its digest",
        overrides=("platform.endpoint={display_name: taxi, serving_image: acme/serving}",),
    ),
    *(
        Fault(
            rule="images.unpinned",
            where="platform.endpoint.serving_image",
            what="is not pinned by its digest",
            overrides=(f"platform.endpoint={{display_name: taxi, serving_image: '{image}'}}",),
        )
        for image in (
            "europe-docker.pkg.dev/acme/prediction/tf2-cpu.2-15:latest",
            "docker.io/vertex-ai/prediction/tf2-cpu.2-15:latest",
            "europe-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15",
        )
    ),
    Fault(
        rule="images.unpinned",
        where="Transform.image",
        what="tf2-cpu.2-15:latest is not pinned",
        plant=in_box("Transform", image="europe-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest"),
    ),
    Fault(rule="images.missing", where="Transform.image", what="has no image", plant=in_box("Transform", image="")),
    Fault(
        rule="images.stock",
        where="Transform.image",
        what="without this project",
        plant=in_box("Transform", image=f"tensorflow/tfx:1.21.0{PIN}"),
    ),
    Fault(
        rule="storage.root",
        where="platform.root",
        what="s3://acme/root is not in Cloud Storage",
        overrides=("platform.root=s3://acme/root",),
    ),
    Fault(
        rule="storage.paths_on_vertex",
        where="platform.state",
        what="/models/state is a path, and Vertex mounts nothing but buckets",
        overrides=("platform.state=/models/state",),
    ),
    Fault(
        rule="storage.paths_on_vertex",
        where="platform.state",
        what="use gs://acme/state",
        overrides=("platform.state=/gcs/acme/state",),
    ),
    Fault(
        rule="storage.paths_on_vertex",
        where="platform.data",
        what="/data is a path, and Vertex mounts nothing but buckets",
        overrides=("platform.data=/data",),
    ),
    Fault(
        rule="storage.paths_in_volumes",
        where="platform.data",
        what="/data lies in none of the volumes",
        overrides=("platform.data=/data",),
        kind="kubeflow",
    ),
    Fault(
        rule="storage.paths_in_volumes",
        where="platform.state",
        what="/models/../state lies in none",
        overrides=("platform.state=/models/../state",),
        plant=lambda pipeline: (
            parameter("Trainer", "custom_config", constant("{}"))(pipeline),
            pipeline.spec["root"]["dag"]["tasks"]["ExitNotice"]["inputs"]["parameters"].update(
                folder=constant("/models/state/ended")
            ),
        ),
        kind="kubeflow",
    ),
    Fault(
        rule="storage.unmounted",
        where="Pusher.inputs.parameters.base_directory",
        what="/models/serving/taxi is in a volume that the task does not mount",
        plant=lambda pipeline: platform_executors(pipeline).pop("Pusher_executor"),
        kind="kubeflow",
    ),
    Fault(
        rule="storage.schemes",
        where="ExampleGen.inputs.parameters.input_base",
        what="minio://data/taxi is in a store",
        plant=default("minio://data/taxi"),
        kind="kubeflow",
    ),
    Fault(
        rule="storage.web_addresses",
        where="ExampleGen.inputs.parameters.input_base",
        what="is a web address",
        plant=default("https://acme.io/taxi"),
    ),
    Fault(
        rule="storage.imported",
        where="Import.artifactUri",
        what="minio://acme/schema cannot be mounted",
        plant=add_importer("minio://acme/schema"),
    ),
    Fault(
        rule="storage.imported",
        where="Import.artifactUri",
        what="schema/taxi cannot be mounted",
        plant=add_importer("schema/taxi"),
        kind="kubeflow",
    ),
)
PATHS = (
    Fault(
        rule="paths.local",
        where="ExampleGen.inputs.parameters.input_base",
        what="/home/me/data is a path of this machine",
        plant=default("/home/me/data"),
    ),
    Fault(
        rule="paths.local",
        where=f"Trainer.inputs.parameters.{CHECKPOINTS}",
        what="/models2/checkpoints is a path",
        plant=parameter("Trainer", "custom_config", constant('{"checkpoints": "/models2/checkpoints"}')),
        kind="kubeflow",
    ),
    Fault(
        rule="paths.local",
        where="ExampleGen.inputs.parameters.input_base",
        what="../data is a path of this machine",
        plant=default("../data"),
    ),
    Fault(
        rule="paths.arguments",
        where="Transform.args",
        what="--setup_file=/home/me/setup.py names a path",
        plant=in_box("Transform", args=["--runner=FnApiRunner", "--setup_file=/home/me/setup.py"]),
    ),
    Fault(
        rule="paths.environment",
        where="Transform.env.GOOGLE_APPLICATION_CREDENTIALS",
        what="/home/me/key.json is a path",
        plant=in_box("Transform", env=[{"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": "/home/me/key.json"}]),
    ),
    Fault(
        rule="paths.outside_image",
        where="ExampleGen.inputs.parameters.input_base",
        what="tests/data is not in the image",
        plant=default("tests/data"),
    ),
    Fault(
        rule="paths.not_in_project",
        where="ExampleGen.inputs.parameters.input_base",
        what="data/taxis is not in the project's folder",
        plant=default("data/taxis"),
    ),
    Fault(
        rule="paths.far_from_workers",
        where="ExampleGen.inputs.parameters.input_base",
        what="DataflowRunner reads it on other machines",
        plant=distributed,
    ),
)
RESOURCES = (
    Fault(
        rule="resources.quantities",
        where="Transform.resources.memoryLimit",
        what="'16GB' is no amount",
        plant=in_box("Transform", resources={"resourceMemoryLimit": "16GB"}),
    ),
    Fault(
        rule="resources.quantities",
        where="Transform.resources.memoryLimit",
        what="'512K' is no amount",
        plant=in_box("Transform", resources={"resourceMemoryLimit": "512K"}),
        kind="kubeflow",
    ),
    Fault(
        rule="resources.requests",
        where="Transform.resources.memory",
        what="more than the limit",
        plant=in_box("Transform", resources={"resourceMemoryLimit": "1Gi", "resourceMemoryRequest": "2G"}),
        kind="kubeflow",
    ),
    Fault(
        rule="resources.requests",
        where="Transform.resources.cpu",
        what="more than the limit",
        plant=in_box("Transform", resources={"cpuLimit": 1.0, "cpuRequest": 2.0}),
        kind="kubeflow",
    ),
    Fault(
        rule="resources.vertex_limits",
        where="Transform.resources.cpu",
        what="more than 96 CPUs",
        plant=in_box("Transform", resources={"resourceCpuLimit": "128"}),
    ),
    Fault(
        rule="resources.vertex_limits",
        where="Transform.resources.memory",
        what="more than 624 GB",
        plant=in_box("Transform", resources={"memoryLimit": 625.0}),
    ),
    Fault(
        rule="resources.accelerators",
        where="Transform.resources.accelerator",
        what="nvidia.com/gpu is no accelerator of Vertex",
        plant=in_box("Transform", resources={"accelerator": {"type": "nvidia.com/gpu", "count": 1}}),
    ),
    Fault(
        rule="resources.accelerators",
        where="Transform.resources.accelerator",
        what="there are no NVIDIA_TESLA_K80 any more",
        plant=in_box("Transform", resources={"accelerator": {"type": "NVIDIA_TESLA_K80", "count": 1}}),
    ),
    Fault(
        rule="resources.accelerators",
        where="Transform.resources.accelerator",
        what="asks for 3 NVIDIA_TESLA_T4, and a machine has 1 or 2 or 4",
        plant=in_box("Transform", resources={"accelerator": {"resourceType": "NVIDIA_TESLA_T4", "resourceCount": "3"}}),
    ),
    Fault(
        rule="resources.accelerators",
        where="Transform.resources.accelerator",
        what="NVIDIA_TESLA_T4 is no resource of Kubernetes",
        plant=in_box("Transform", resources={"accelerator": {"type": "NVIDIA_TESLA_T4", "count": 1}}),
        kind="kubeflow",
    ),
    Fault(
        rule="resources.training_machine",
        where="platform.training",
        what="there is no n1-standard-6, but n1-standard-1, n1-standard-2",
        overrides=trained_on("n1-standard-6"),
    ),
    Fault(
        rule="resources.training_machine",
        where="platform.training",
        what="there is no g2-standard-20, but g2-standard-4",
        overrides=trained_on("g2-standard-20", "NVIDIA_L4"),
    ),
    Fault(
        rule="resources.training_machine",
        where="platform.training",
        what="TPU_V99 is no accelerator that Vertex's client knows",
        overrides=trained_on("x9-standard-4", "TPU_V99"),
    ),
    Fault(
        rule="resources.training_machine",
        where="platform.training",
        what="n1-standard-32 needs 2 or 4 NVIDIA_TESLA_T4",
        overrides=trained_on("n1-standard-32", "NVIDIA_TESLA_T4"),
    ),
    Fault(
        rule="resources.training_machine",
        where="platform.training",
        what="a2-highgpu-2g comes with 2 NVIDIA_TESLA_A100, and none is named",
        overrides=trained_on("a2-highgpu-2g"),
    ),
    Fault(
        rule="resources.training_machine",
        where="platform.training",
        what="e2-standard-8 takes no NVIDIA_TESLA_T4",
        overrides=trained_on("e2-standard-8", "NVIDIA_TESLA_T4"),
    ),
    Fault(
        rule="resources.training_machine",
        where="platform.training",
        what="n1-standard-8 takes no NVIDIA_L4; those with it are g2-standard-12",
        overrides=trained_on("n1-standard-8", "NVIDIA_L4"),
    ),
    Fault(
        rule="resources.endpoint_machine",
        where="platform.endpoint",
        what="there is no n1-standard-3",
        overrides=with_endpoint("machine_type: n1-standard-3"),
    ),
)
TRAINING = (
    Fault(
        rule="resources.training_operator",
        where="platform.training.accelerator.type",
        what="NVIDIA_L4 is no resource of Kubernetes",
        overrides=(TFJOB % "/models/shared", "platform.training.accelerator.type=NVIDIA_L4"),
        kind="kubeflow",
    ),
    Fault(
        rule="resources.training_operator",
        where="platform.training.memory",
        what="'512K' is no amount",
        overrides=(TFJOB % "/models/shared", "platform.training.memory=512K"),
        kind="kubeflow",
    ),
    Fault(
        rule="training.batch_of_replicas",
        where="trainer.loop.global_batch_size",
        what="127 does not divide among 4 replicas",
        overrides=(
            "trainer.loop.global_batch_size=127",
            "platform.training.workers=2",
            "platform.training.accelerator.count=2",
        ),
    ),
    Fault(
        rule="training.strategy_of_several",
        where="trainer.loop.strategy",
        what="is mirrored, with 2 workers",
        overrides=("trainer.loop.strategy=mirrored", "platform.training.workers=2"),
    ),
    Fault(
        rule="training.strategy_of_several",
        where="trainer.loop.strategy",
        what="is one_device, with 2 workers",
        overrides=("trainer.loop.strategy=one_device", TFJOB % "/models/shared"),
        kind="kubeflow",
    ),
    Fault(
        rule="training.strategy_of_one",
        where="trainer.loop.strategy",
        what="is multi_worker, and one worker trains",
        overrides=("trainer.loop.strategy=multi_worker",),
    ),
    Fault(
        rule="training.idle_accelerator",
        where="platform.tasks.Trainer.accelerator",
        what="would be idle",
        overrides=("platform.tasks.Trainer.accelerator={type: NVIDIA_TESLA_T4}",),
    ),
)
SECRETS = (
    Fault(
        rule="secrets.webhook",
        where="platform.exit_handler.webhook_env",
        what="no secret provides WEBHOOK",
        overrides=("platform.exit_handler.webhook_env=WEBHOOK", *webhook_secret("OTHER")),
        kind="kubeflow",
    ),
    Fault(
        rule="secrets.variable_names",
        where="platform.secrets.0.env.url",
        what="'WEB=HOOK' is no name",
        overrides=webhook_secret("WEB=HOOK"),
        kind="kubeflow",
    ),
    Fault(
        rule="secrets.variable_names",
        where="Transform.env",
        what="'HF=TOKEN' is no name",
        plant=in_box("Transform", env=ENV),
    ),
    *(
        Fault(rule="secrets.exposed", where="Trainer.inputs.parameters.run_fn", what=what, plant=plant)
        for what, plant in (
            ("a private key", parameter("Trainer", "run_fn", constant("-----BEGIN RSA PRIVATE KEY-----\nMII"))),
            ("a Google API key", parameter("Trainer", "run_fn", constant("AIza" + "Sy0123456789" * 2 + "abcdefghijk"))),
            ("an AWS access key", parameter("Trainer", "run_fn", constant("AKIAIOSFODNN7ABCDEFG"))),
            ("a GitHub token", parameter("Trainer", "run_fn", constant("ghp_" + "a1B2" * 9))),
            ("a Google access token", parameter("Trainer", "run_fn", constant("ya29.a0AfH6SMBx0123456789xyz"))),
            ("a Slack token", parameter("Trainer", "run_fn", constant("xoxb-123456789012-abcdef"))),
            ("a Slack webhook", parameter("Trainer", "run_fn", constant("https://hooks.slack.com/services/T0/B0/xyz"))),
            ("a user with a password", parameter("Trainer", "run_fn", constant("postgresql://tfx:hunter22@db/mlmd"))),
        )
    ),
    Fault(
        rule="secrets.exposed",
        where="Trainer.inputs.parameters.custom_config.db_password",
        what="a password",
        plant=parameter("Trainer", "custom_config", constant('{"db_password": "correct-horse"}')),
    ),
    Fault(
        rule="secrets.exposed",
        where="Transform.env.API_KEY",
        what="a password",
        plant=in_box("Transform", env=[{"name": "API_KEY", "value": "0123456789"}]),
    ),
)
PLATFORM_SPEC_ON_VERTEX = Fault(
    rule="backend.platform_specs", where="platforms", what="is for Kubernetes", kind="vertex"
)
ORIGIN = (
    Fault(
        rule="origin.pipeline_name",
        where="pipelineInfo.name",
        what="is 'taxi', and the config's is 'trips'",
        overrides=("name=trips",),
    ),
    Fault(
        rule="origin.pipeline_root",
        where="defaultPipelineRoot",
        what="is gs://other/taxi, and the profile's is gs://acme-models/artifacts/taxi",
        plant=in_spec(defaultPipelineRoot="gs://other/taxi"),
    ),
    Fault(
        rule="origin.trainer",
        where="Trainer.container",
        what="CustomJobExecutor trains on vertex, and the profile is for kubeflow",
        plant=in_box("Trainer", args=["--executor_class_path", "components.vertex.trainer.CustomJobExecutor"]),
        kind="kubeflow",
    ),
    Fault(
        rule="origin.trainer",
        where="Trainer.container",
        what="TFJobExecutor trains on kubeflow, and the profile is for vertex",
        plant=in_box("Trainer", args=["--executor_class_path", "components.training_operator.executor.TFJobExecutor"]),
    ),
)
BEAM = (
    Fault(
        rule="beam.near_job_server",
        where="beam.job_endpoint",
        what="localhost:8099 is in the task's own container",
        plant=in_box("Transform", args=["--runner=PortableRunner", "--job_endpoint=localhost:8099"]),
    ),
    Fault(
        rule="beam.near_job_server",
        where="beam.job_endpoint",
        what="[::1]:8099 is in the task's own container",
        plant=in_box("Transform", args=["--runner", "PortableRunner", "--job_endpoint", "[::1]:8099"]),
    ),
    *(
        Fault(
            rule="beam.unreadable_root",
            where="platform.root",
            what="is a store that Beam's workers on other machines cannot open",
            plant=in_box("Transform", args=[f"--runner={runner}", "--job_endpoint=flink.beam:8099"]),
            overrides=(f"platform.root={root}",),
            kind="kubeflow",
        )
        for runner, root in (("PortableRunner", "minio://acme/root"), ("DataflowRunner", "s3://acme/root"))
    ),
    Fault(
        rule="beam.losing_runner",
        where="Transform.args",
        what="DaskRunner: it loses data silently (whole splits were missing)",
        plant=in_box("Transform", args=["--runner=apache_beam.runners.dask.dask_runner.DaskRunner"]),
    ),
    Fault(
        rule="placeholders.placeholders",
        where="beam.temp_location",
        what="still holds the placeholder my-bucket",
        overrides=(DATAFLOW % "gs://my-bucket/beam",),
    ),
    Fault(
        rule="images.unpinned",
        where="beam.worker_image",
        what="acme/tfx:1 is not pinned",
        overrides=(DATAFLOW % "gs://acme/beam, worker_image: 'acme/tfx:1'",),
    ),
)
FAULTS = (
    *SCHEMA,
    *REFERENCES,
    *INPUTS,
    *NAMES,
    *BACKEND,
    *PROFILE,
    *PATHS,
    *RESOURCES,
    *TRAINING,
    *BEAM,
    *SECRETS,
    *ORIGIN,
)
