"""How a fault is planted in a clean pipeline."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kubeflow.ir.pipeline_spec import CompiledPipeline
from tests.kubeflow.lint.pipelines import component

Plant = Callable[[CompiledPipeline], Any]


@dataclass(frozen=True)
class Fault:
    """One planted fault.

    Attributes:
        rule: the module and the function that must find it.
        where: the violation's place.
        what: a part of the violation's text.
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


def mistake(rule: str, key: str, value: str, what: str, *, kind: str = "kubeflow") -> Fault:
    """A profile with one wrong value."""
    return Fault(rule, key, what, overrides=(f"{key}={json.dumps(value)}",), kind=kind)
