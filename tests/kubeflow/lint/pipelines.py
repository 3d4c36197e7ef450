"""Small pipelines in the form that the compiler gives them, without faults of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kubeflow.ir.pipeline_spec import CompiledPipeline
from pipeline.config import loading
from pipeline.config.config import Config
from tests.kubeflow.lint.example import PIN, Example
from tests.kubeflow.lint.vertex.example import VERTEX  # part: vertex

_REGISTRY = f"registry.acme.io/tfx-pipeline{PIN}"
EXAMPLES = {
    "kubeflow": Example(
        image=_REGISTRY,
        accelerator="nvidia.com/gpu",
        serving="/models/serving",
        state="/models/state",
        overrides=("platform.namespace=team-a", f"platform.image={_REGISTRY}"),
    ),
    "vertex": VERTEX,  # part: vertex
}
KINDS = tuple(EXAMPLES)


def config(kind: str, *overrides: str) -> Config:
    """The taxi pipeline with the profile of ``kind``, its placeholders replaced by names that could be real."""
    return loading.load(
        config=Path("configs/taxi.yaml"), profile=kind, overrides=[*EXAMPLES[kind].overrides, *overrides]
    )


def compiled(kind: str) -> CompiledPipeline:
    """ExampleGen, Transform, Trainer, Evaluator and Pusher in a DAG of their own, and an exit handler."""
    tasks = {
        "ExampleGen": task(
            "ExampleGen",
            parameters={
                "input_base": {"componentInputParameter": "data_path"},
                "input_config": constant(json.dumps({"splits": [{"name": "all", "pattern": "*.csv"}]})),
                "output_data_format": constant(6.0),
            },
        ),
        "Transform": task("Transform", examples=artifact("ExampleGen", "examples")),
        "Trainer": task(
            "Trainer",
            examples=artifact("Transform", "transformed_examples"),
            parameters={
                "run_fn": constant("trainer.run_fn.run_fn"),
                "custom_config": constant(json.dumps({"checkpoints": f"{EXAMPLES[kind].state}/taxi/checkpoints"})),
            },
        ),
        "Evaluator": task("Evaluator", examples=artifact("ExampleGen", "examples"), model=artifact("Trainer", "model")),
        "Pusher": task(
            "Pusher",
            model=artifact("Trainer", "model"),
            model_blessing=artifact("Evaluator", "blessing"),
            parameters={"base_directory": constant(f"{EXAMPLES[kind].serving}/taxi")},
        ),
    }
    tasks["Pusher"]["triggerPolicy"] = {
        "condition": "inputs.artifacts['model_blessing'].artifacts[0].metadata['blessed'] == 1.0"
    }
    text = {"parameterType": "STRING"}
    components = {
        "ExampleGen": component(
            "ExampleGen",
            parameters={
                "input_base": text,
                "input_config": text,
                "output_data_format": {"parameterType": "NUMBER_INTEGER"},
            },
            outputs=("examples",),
        ),
        "Transform": component("Transform", inputs=("examples",), outputs=("transformed_examples",)),
        "Trainer": component(
            "Trainer", inputs=("examples",), outputs=("model",), parameters={"run_fn": text, "custom_config": text}
        ),
        "Evaluator": component("Evaluator", inputs=("examples", "model"), outputs=("blessing",)),
        "Pusher": component("Pusher", inputs=("model", "model_blessing"), parameters={"base_directory": text}),
        "ExitNotice": component(
            "ExitNotice", parameters={"folder": text, "final_status": {"parameterType": "TASK_FINAL_STATUS"}}
        ),
        "tfx-dag": {"inputDefinitions": {"parameters": {"data_path": text}}, "dag": {"tasks": tasks}},
    }
    notice = task(
        "ExitNotice",
        parameters={
            "folder": constant(f"{EXAMPLES[kind].state}/ended"),
            "final_status": {"taskFinalStatus": {"producerTask": "tfx-dag"}},
        },
    )
    notice |= {"dependentTasks": ["tfx-dag"], "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}}
    spec = {
        "pipelineInfo": {"name": "taxi"},
        "schemaVersion": "2.1.0",
        "sdkVersion": "tfx-1.21.0",
        "components": components,
        "deploymentSpec": {"executors": {f"{node}_executor": container(kind, node) for node in [*tasks, "ExitNotice"]}},
        "root": {
            "inputDefinitions": {"parameters": {"data_path": {**text, "defaultValue": "data/taxi"}}},
            "dag": {
                "tasks": {
                    "tfx-dag": task("tfx-dag", parameters={"data_path": {"componentInputParameter": "data_path"}}),
                    "ExitNotice": notice,
                }
            },
        },
    }
    return CompiledPipeline(spec=spec, platform_spec=volumes([*tasks, "ExitNotice"]) if kind == "kubeflow" else None)


def task(name: str, *, parameters: dict[str, Any] | None = None, **artifacts: dict[str, Any]) -> dict[str, Any]:
    """A task that runs the component of its name."""
    return {
        "taskInfo": {"name": name},
        "componentRef": {"name": name},
        "cachingOptions": {"enableCache": True},
        "retryPolicy": {"maxRetryCount": 2, "backoffDuration": "60s"},
        "dependentTasks": sorted({given["taskOutputArtifact"]["producerTask"] for given in artifacts.values()}),
        "inputs": {"artifacts": artifacts, "parameters": parameters or {}},
    }


def component(
    name: str,
    *,
    inputs: tuple[str, ...] = (),
    outputs: tuple[str, ...] = (),
    parameters: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A component that one executor runs."""
    kind = {"artifactType": {"instanceSchema": "title: tfx.Any\ntype: object\n"}}
    return {
        "executorLabel": f"{name}_executor",
        "inputDefinitions": {"artifacts": dict.fromkeys(inputs, kind), "parameters": parameters or {}},
        "outputDefinitions": {"artifacts": dict.fromkeys(outputs, kind)},
    }


def container(kind: str, node: str) -> dict[str, Any]:
    """An executor as the compiler writes it."""
    spec: dict[str, Any] = {
        "image": EXAMPLES[kind].image,
        "command": ["python", "-m", "kubeflow.container.entrypoint"],
        "args": ["--executor_class_path", f"components.{node}.Executor", "--runner=FnApiRunner"],
        "resources": {"cpuLimit": 2.0, "resourceCpuLimit": "2", "memoryLimit": 8.0, "resourceMemoryLimit": "8G"},
    }
    if node == "ExampleGen":
        spec["lifecycle"] = {"preCacheCheck": {"command": ["python"], "args": ["--json_serialized_invocation_args"]}}
    return {"container": spec}


def volumes(nodes: list[str]) -> dict[str, Any]:
    """The platform spec that mounts the claim ``models`` everywhere."""
    mount = {"pvcMount": [{"constant": "models", "mountPath": "/models"}]}
    executors = {f"{node}_executor": mount for node in nodes}
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def constant(value: Any) -> dict[str, Any]:
    """A parameter's value."""
    return {"runtimeValue": {"constant": value}}


def artifact(task_name: str, key: str) -> dict[str, Any]:
    """Another task's output."""
    return {"taskOutputArtifact": {"producerTask": task_name, "outputArtifactKey": key}}


def stock() -> CompiledPipeline:
    """What TFX's own template gives with the schema 2.1: resolvers, its own image and its own entry point."""
    blessing = component("latest-model-blessing-resolver", outputs=("model_blessing",))
    model = component("latest-model-resolver", inputs=("input",), outputs=("model",))
    example_gen = component(
        "CsvExampleGen", parameters={"input_base": {"parameterType": "STRING"}}, outputs=("examples",)
    )
    resolver = {"resolver": {"outputArtifactQueries": {"model": {"filter": 'schema_title="tfx.Model"'}}}}
    image = {
        "image": "gcr.io/tfx-oss-public/tfx:1.21.0",
        "args": ["--executor_class_path", "tfx.components.example_gen.csv_example_gen.executor.Executor"],
    }
    return CompiledPipeline(
        spec={
            "pipelineInfo": {"name": "my-pipeline"},
            "schemaVersion": "2.1.0",
            "components": {
                "latest-model-blessing-resolver": blessing,
                "latest-model-resolver": model,
                "CsvExampleGen": example_gen,
            },
            "deploymentSpec": {
                "executors": {
                    "latest-model-blessing-resolver_executor": resolver,
                    "latest-model-resolver_executor": resolver,
                    "CsvExampleGen_executor": {"container": image},
                }
            },
            "root": {
                "dag": {
                    "tasks": {
                        "latest-model-blessing-resolver": task("latest-model-blessing-resolver"),
                        "latest-model-resolver": task(
                            "latest-model-resolver", input=artifact("latest-model-blessing-resolver", "model_blessing")
                        ),
                        "CsvExampleGen": task("CsvExampleGen", parameters={"input_base": constant("/home/me/data")}),
                    }
                }
            },
        }
    )
