"""The faults that the rules are for: each planted in a clean pipeline, with the one finding that it gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kubeflow.ir.pipeline_spec import CompiledPipeline
from tests.kubeflow.lint.pipelines import PIN, artifact, component, constant

Plant = Callable[[CompiledPipeline], Any]


@dataclass(frozen=True)
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
    kind: str = "kubeflow"

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


ENV = [{"name": "HF=TOKEN", "value": "x"}]
GS_ROOT = "platform.root=gs://acme/root"
CHECKPOINTS = "custom_config.checkpoints"

SCHEMA = (
    Fault("schema.root", "root", "is empty", plant=in_spec(root={})),
    Fault("schema.schema_version", "schemaVersion", "is 2.0.0", plant=in_spec(schemaVersion="2.0.0")),
    Fault("schema.schema_version", "schemaVersion", "is missing", plant=in_spec(schemaVersion="")),
    Fault("schema.pipeline_spec", "pipeline", 'no field named "stages"', plant=in_spec(stages=[])),
    Fault(
        "schema.deployment_spec",
        "deploymentSpec",
        'no field named "imagePolicy"',
        plant=in_box("Transform", imagePolicy="Always"),
    ),
    Fault(
        "schema.platform_spec",
        "platforms.kubernetes.Transform_executor",
        'no field named "pvcMounts"',
        plant=lambda pipeline: platform_executors(pipeline).update(Transform_executor={"pvcMounts": []}),
    ),
)
REFERENCES = (
    Fault(
        "references.component_refs",
        "Transform.componentRef",
        "there is no component 'Trans'",
        plant=in_task("Transform", componentRef={"name": "Trans"}),
    ),
    Fault(
        "references.executor_labels",
        "Transform.executorLabel",
        "there is no executor 'gone'",
        plant=in_component("Transform", executorLabel="gone"),
    ),
    Fault(
        "references.executor_kinds",
        "deploymentSpec.Transform_executor",
        "does not say how to run it",
        plant=executor("Transform", {}),
    ),
    Fault(
        "references.sources",
        "Transform.inputs.artifacts.examples",
        "comes from nowhere",
        plant=given("Transform", "examples", {}),
    ),
    Fault(
        "references.sources",
        "Trainer.inputs.parameters.run_fn",
        "comes from nowhere",
        plant=parameter("Trainer", "run_fn", {"runtimeValue": {}}),
    ),
    Fault(
        "references.producers",
        "Trainer.inputs.artifacts.examples",
        "comes from 'Transform_task', which is not a task",
        plant=given("Trainer", "examples", artifact("Transform_task", "transformed_examples")),
    ),
    Fault(
        "references.producers",
        "ExitNotice.inputs.parameters.final_status",
        "comes from 'dag', which is not a task",
        plant=lambda pipeline: pipeline.spec["root"]["dag"]["tasks"]["ExitNotice"]["inputs"]["parameters"].update(
            final_status={"taskFinalStatus": {"producerTask": "dag"}}
        ),
    ),
    Fault(
        "references.output_keys",
        "Trainer.inputs.artifacts.examples",
        "Transform has no output 'examples'; there is transformed_examples",
        plant=given("Trainer", "examples", artifact("Transform", "examples")),
    ),
    Fault(
        "references.output_keys",
        "Trainer.inputs.parameters.run_fn",
        "Transform has no output 'run_fn'; there is none",
        plant=parameter(
            "Trainer", "run_fn", {"taskOutputParameter": {"producerTask": "Transform", "outputParameterKey": "run_fn"}}
        ),
    ),
    Fault(
        "references.component_inputs",
        "ExampleGen.inputs.parameters.input_base",
        "the input 'data', which tfx-dag does not have; there is data_path",
        plant=lambda pipeline: (
            parameter("ExampleGen", "input_base", {"componentInputParameter": "data"})(pipeline),
            parameter("ExampleGen", "input_config", {"componentInputParameter": "data_path"})(pipeline),
        ),
    ),
    Fault(
        "references.component_inputs",
        "Transform.inputs.artifacts.examples",
        "the input 'examples', which tfx-dag does not have",
        plant=given("Transform", "examples", {"componentInputArtifact": "examples"}),
    ),
    Fault(
        "references.dependent_tasks",
        "Transform.dependentTasks",
        "waits for 'SchemaGen', which is not a task",
        plant=in_task("Transform", dependentTasks=["ExampleGen", "SchemaGen"]),
    ),
    Fault(
        "references.dag_outputs",
        "tfx-dag.outputs.artifacts.model",
        "comes from 'Tuner', which is not a task",
        plant=lambda pipeline: pipeline.spec["components"]["tfx-dag"]["dag"].update(
            outputs={
                "artifacts": {"model": {"artifactSelectors": [{"producerSubtask": "Tuner", "outputArtifactKey": "m"}]}}
            }
        ),
    ),
    Fault(
        "references.cycles",
        "Evaluator",
        "tasks wait for each other: Evaluator -> Trainer -> Evaluator",
        plant=in_task("Trainer", dependentTasks=["Evaluator"]),
    ),
    Fault(
        "references.platform_executors",
        "platforms.kubernetes.exec-Transform",
        "is for an unknown executor",
        plant=lambda pipeline: platform_executors(pipeline).update({"exec-Transform": {}}),
    ),
)
INPUTS = (
    Fault("inputs.missing", "Transform.inputs.artifacts.schema", "the task does not give it", plant=required_input),
    Fault(
        "inputs.undeclared",
        "Transform.inputs.parameters.splits",
        "the component does not declare it",
        plant=parameter("Transform", "splits", constant("train")),
    ),
    Fault(
        "inputs.constant_types",
        "ExampleGen.inputs.parameters.output_data_format",
        'is declared as NUMBER_INTEGER, and "6" is given',
        plant=parameter("ExampleGen", "output_data_format", constant("6")),
    ),
    Fault(
        "inputs.default_types",
        "tfx-dag.parameters.rows",
        'is declared as NUMBER_INTEGER, and its default is "many"',
        plant=lambda pipeline: pipeline.spec["components"]["tfx-dag"]["inputDefinitions"]["parameters"].update(
            rows={"parameterType": "NUMBER_INTEGER", "defaultValue": "many"}
        ),
    ),
    Fault(
        "inputs.parameter_links",
        "ExampleGen.inputs.parameters.output_data_format",
        "is declared as NUMBER_INTEGER, and what it is given is STRING",
        plant=parameter("ExampleGen", "output_data_format", {"componentInputParameter": "data_path"}),
    ),
    Fault("inputs.unused_parameters", "root.parameters.epochs", "is taken by no task", plant=unused_parameter),
)
NAMES = (
    Fault(
        "names.pipeline_name",
        "pipelineInfo.name",
        "'taxi_trips' does not match",
        plant=in_spec(pipelineInfo={"name": "taxi_trips"}),
    ),
    Fault("names.task_names", "My_Pusher", "is not a valid name in Argo", plant=rename("Pusher", "My_Pusher")),
    Fault("names.task_names", "2ndPusher", "a letter first", plant=rename("Pusher", "2ndPusher")),
    Fault("names.reserved_component", "root", "the pipeline's own DAG", plant=component_root),
    Fault(
        "names.kubernetes_names",
        "platform.volumes.0.claim",
        "'My_Models' is not a valid name",
        overrides=("platform.volumes=[{claim: My_Models, mount: /models}]",),
    ),
)
BACKEND = (
    Fault(
        "backend.final_status",
        "ExitNotice.inputs.parameters.final_status",
        "only an exit handler gets",
        plant=lambda pipeline: pipeline.spec["root"]["dag"]["tasks"]["ExitNotice"].pop("triggerPolicy"),
    ),
    Fault(
        "backend.resolvers",
        "Transform",
        "is a resolver",
        plant=executor("Transform", {"resolver": {"outputArtifactQueries": {"model": {"filter": "x"}}}}),
    ),
    Fault(
        "backend.custom_jobs",
        "Trainer",
        "is a Vertex custom job",
        plant=executor("Trainer", {"customJob": {"customJob": {"workerPoolSpecs": []}}}),
    ),
    Fault(
        "backend.conditional_importers",
        "Import.triggerPolicy",
        "is an importer with a condition",
        plant=add_importer("gs://acme/schema", triggerPolicy={"condition": "1 == 1"}),
    ),
    Fault(
        "backend.artifact_iterators", "Transform.artifactIterator", "once for each of several artifacts", plant=iterates
    ),
    Fault(
        "backend.conditions",
        "Pusher.triggerPolicy.condition",
        "is not a CEL expression",
        plant=in_task("Pusher", triggerPolicy={"condition": "inputs.artifacts['model'] === 1"}),
    ),
    Fault(
        "backend.conditions",
        "Pusher.triggerPolicy.condition",
        "asks for the input 'blessing', which the task does not get; there is model, model_blessing",
        plant=in_task(
            "Pusher", triggerPolicy={"condition": "inputs.artifacts['blessing'].artifacts[0].uri != 'nothing.here'"}
        ),
    ),
    Fault(
        "backend.conditions",
        "Pusher.triggerPolicy.condition",
        "asks for 'blessed'",
        plant=in_task("Pusher", triggerPolicy={"condition": "blessed == 1"}),
    ),
    Fault(
        "backend.spans",
        "ExampleGen.inputs.parameters.input_config.splits.0.pattern",
        "span-{SPAN}/*.csv",
        plant=parameter(
            "ExampleGen", "input_config", constant(json.dumps({"splits": [{"pattern": "span-{SPAN}/*.csv"}]}))
        ),
    ),
    Fault(
        "backend.stock_infra_validator",
        "Transform",
        "needs docker",
        plant=in_box("Transform", args=["--executor_class_path", "tfx.components.infra_validator.executor.Executor"]),
    ),
    Fault(
        "backend.entry_points",
        "Transform.command",
        "TFX's own entry point",
        plant=in_box("Transform", command=["python", "-m", "tfx.orchestration.kubeflow.v2.container.entrypoint"]),
    ),
    Fault(
        "backend.exit_handler_artifacts",
        "ExitNotice.inputs.artifacts.model",
        "may not exist when the exit handler runs",
        plant=handler_artifact,
    ),
)
PROFILE = (
    Fault(
        "placeholders.placeholders",
        "platform.namespace",
        "still holds the placeholder my-namespace",
        overrides=("platform.namespace=my-namespace",),
    ),
    Fault(
        "placeholders.placeholders",
        "platform.gpu_image",
        "registry.example.com and sha256:000...",
        overrides=(f"platform.gpu_image=registry.example.com/gpu@sha256:{'0' * 64}",),
    ),
    Fault(
        "placeholders.images",
        "Transform.image",
        "tfx-pipeline@sha256:000... is a placeholder",
        plant=in_box("Transform", image=f"acme/tfx-pipeline@sha256:{'0' * 64}"),
    ),
    Fault(
        "images.unpinned",
        "Transform.image",
        "acme/tfx:latest is not pinned",
        plant=in_box("Transform", image="acme/tfx:latest"),
    ),
    Fault(
        "images.unpinned",
        "Transform.image",
        "tf2-cpu.2-15:latest is not pinned",
        plant=in_box("Transform", image="europe-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest"),
    ),
    Fault("images.missing", "Transform.image", "has no image", plant=in_box("Transform", image="")),
    Fault(
        "images.stock",
        "Transform.image",
        "without this project",
        plant=in_box("Transform", image=f"tensorflow/tfx:1.21.0{PIN}"),
    ),
    Fault(
        "storage.paths_in_volumes",
        "platform.data",
        "/data is not in any of the volumes",
        overrides=("platform.data=/data",),
    ),
    Fault(
        "storage.paths_in_volumes",
        "platform.state",
        "/models/../state is not in any",
        plant=lambda pipeline: (
            parameter("Trainer", "custom_config", constant("{}"))(pipeline),
            pipeline.spec["root"]["dag"]["tasks"]["ExitNotice"]["inputs"]["parameters"].update(
                folder=constant("/models/state/ended")
            ),
        ),
        overrides=("platform.state=/models/../state",),
    ),
    Fault(
        "storage.unmounted",
        "Pusher.inputs.parameters.base_directory",
        "/models/serving/taxi is in a volume that the task does not mount",
        plant=lambda pipeline: platform_executors(pipeline).pop("Pusher_executor"),
    ),
    Fault(
        "storage.schemes",
        "ExampleGen.inputs.parameters.input_base",
        "minio://data/taxi is in a store",
        plant=default("minio://data/taxi"),
    ),
    Fault(
        "storage.web_addresses",
        "ExampleGen.inputs.parameters.input_base",
        "is a web address",
        plant=default("https://acme.io/taxi"),
    ),
    Fault("storage.imported", "Import.artifactUri", "schema/taxi cannot be mounted", plant=add_importer("schema/taxi")),
)
PATHS = (
    Fault(
        "paths.local",
        "ExampleGen.inputs.parameters.input_base",
        "/home/me/data is a path of this machine",
        plant=default("/home/me/data"),
    ),
    Fault(
        "paths.local",
        f"Trainer.inputs.parameters.{CHECKPOINTS}",
        "/models2/checkpoints is a path",
        plant=parameter("Trainer", "custom_config", constant('{"checkpoints": "/models2/checkpoints"}')),
    ),
    Fault(
        "paths.local",
        "ExampleGen.inputs.parameters.input_base",
        "../data is a path of this machine",
        plant=default("../data"),
    ),
    Fault(
        "paths.arguments",
        "Transform.args",
        "--setup_file=/home/me/setup.py names a path",
        plant=in_box("Transform", args=["--runner=FnApiRunner", "--setup_file=/home/me/setup.py"]),
    ),
    Fault(
        "paths.environment",
        "Transform.env.GOOGLE_APPLICATION_CREDENTIALS",
        "/home/me/key.json is a path",
        plant=in_box("Transform", env=[{"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": "/home/me/key.json"}]),
    ),
    Fault(
        "paths.outside_image",
        "ExampleGen.inputs.parameters.input_base",
        "tests/data is not in the image",
        plant=default("tests/data"),
    ),
    Fault(
        "paths.not_in_project",
        "ExampleGen.inputs.parameters.input_base",
        "data/taxis is not in the project's folder",
        plant=default("data/taxis"),
    ),
    Fault(
        "paths.far_from_workers",
        "ExampleGen.inputs.parameters.input_base",
        "DataflowRunner reads it on other machines",
        plant=distributed,
        overrides=(GS_ROOT,),
    ),
)
RESOURCES = (
    Fault(
        "resources.quantities",
        "Transform.resources.memoryLimit",
        "'16GB' is not a valid amount",
        plant=in_box("Transform", resources={"resourceMemoryLimit": "16GB"}),
    ),
    Fault(
        "resources.quantities",
        "Transform.resources.memoryLimit",
        "'512K' is not a valid amount",
        plant=in_box("Transform", resources={"resourceMemoryLimit": "512K"}),
    ),
    Fault(
        "resources.requests",
        "Transform.resources.memory",
        "above the limit",
        plant=in_box("Transform", resources={"resourceMemoryLimit": "1Gi", "resourceMemoryRequest": "2G"}),
    ),
    Fault(
        "resources.requests",
        "Transform.resources.cpu",
        "above the limit",
        plant=in_box("Transform", resources={"cpuLimit": 1.0, "cpuRequest": 2.0}),
    ),
    Fault(
        "resources.accelerators",
        "Transform.resources.accelerator",
        "NVIDIA_TESLA_T4 is not a resource of Kubernetes",
        plant=in_box("Transform", resources={"accelerator": {"type": "NVIDIA_TESLA_T4", "count": 1}}),
    ),
)
TRAINING = (
    Fault(
        "training.strategy_of_one",
        "trainer.loop.strategy",
        "is multi_worker, but only one worker trains",
        overrides=("trainer.loop.strategy=multi_worker",),
    ),
)
SECRETS = (
    Fault(
        "secrets.webhook",
        "platform.exit_handler.webhook_env",
        "no secret provides WEBHOOK",
        overrides=("platform.exit_handler.webhook_env=WEBHOOK", *webhook_secret("OTHER")),
    ),
    Fault(
        "secrets.variable_names",
        "platform.secrets.0.env.url",
        "'WEB=HOOK' is not a valid name",
        overrides=webhook_secret("WEB=HOOK"),
    ),
    Fault(
        "secrets.variable_names", "Transform.env", "'HF=TOKEN' is not a valid name", plant=in_box("Transform", env=ENV)
    ),
    *(
        Fault("secrets.exposed", "Trainer.inputs.parameters.run_fn", what, plant=plant)
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
        "secrets.exposed",
        "Trainer.inputs.parameters.custom_config.db_password",
        "a password",
        plant=parameter("Trainer", "custom_config", constant('{"db_password": "correct-horse"}')),
    ),
    Fault(
        "secrets.exposed",
        "Transform.env.API_KEY",
        "a password",
        plant=in_box("Transform", env=[{"name": "API_KEY", "value": "0123456789"}]),
    ),
)
ORIGIN = (
    Fault(
        "origin.pipeline_name", "pipelineInfo.name", "is 'taxi', but the config's is 'trips'", overrides=("name=trips",)
    ),
    Fault(
        "origin.pipeline_root",
        "defaultPipelineRoot",
        "is gs://other/taxi, but the profile's is minio://mlpipeline/v2/artifacts/taxi",
        plant=in_spec(defaultPipelineRoot="gs://other/taxi"),
    ),
)
BEAM = (
    Fault(
        "beam.near_job_server",
        "beam.job_endpoint",
        "localhost:8099 is in the task's own container",
        plant=in_box("Transform", args=["--runner=PortableRunner", "--job_endpoint=localhost:8099"]),
        overrides=(GS_ROOT,),
    ),
    Fault(
        "beam.near_job_server",
        "beam.job_endpoint",
        "[::1]:8099 is in the task's own container",
        plant=in_box("Transform", args=["--runner", "PortableRunner", "--job_endpoint", "[::1]:8099"]),
        overrides=(GS_ROOT,),
    ),
    *(
        Fault(
            "beam.unreadable_root",
            "platform.root",
            "is a store that Beam's workers on other machines cannot open",
            plant=in_box("Transform", args=[f"--runner={runner}", "--job_endpoint=flink.beam:8099"]),
            overrides=(f"platform.root={root}",),
        )
        for runner, root in (("PortableRunner", "minio://acme/root"), ("DataflowRunner", "s3://acme/root"))
    ),
    Fault(
        "beam.losing_runner",
        "Transform.args",
        "DaskRunner: it loses data silently (whole splits were missing)",
        plant=in_box("Transform", args=["--runner=apache_beam.runners.dask.dask_runner.DaskRunner"]),
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
    *SECRETS,
    *ORIGIN,
    *BEAM,
)
