"""Does every name in the pipeline lead somewhere?"""

from __future__ import annotations

import graphlib
from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.violation import Violation, one_of
from kubeflow.lint.walk import Node, dags, nodes, producer
from pipeline.config.config import Config

_SOURCES = {
    "taskOutputArtifact",
    "taskOutputParameter",
    "taskFinalStatus",
    "componentInputArtifact",
    "componentInputParameter",
    "runtimeValue",
}


def component_refs(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Refused by KFP (backend/src/v2/compiler/visitor.go, "cannot find component ref")."""
    del config
    for node in nodes(pipeline.spec):
        name = node.task.get("componentRef", {}).get("name", "")
        if name not in pipeline.spec["components"]:
            what, fix = f"there is no component {name!r}", one_of(pipeline.spec["components"])
            yield Violation(where=f"{node.name}.componentRef", what=what, fix=fix)


def executor_labels(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Refused by KFP (visitor.go, "executor not found in deployment config")."""
    del config
    executors = pipeline.spec["deploymentSpec"]["executors"]
    for name, component in pipeline.spec["components"].items():
        label = component.get("executorLabel")
        if "dag" not in component and label not in executors:
            yield Violation(
                where=f"{name}.executorLabel", what=f"there is no executor {label!r}", fix=one_of(executors)
            )


def executor_kinds(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Refused by KFP (argocompiler/dag.go, "unknown executor spec type")."""
    del config
    for label, executor in pipeline.spec["deploymentSpec"]["executors"].items():
        if not executor:
            what, fix = "does not say how to run it", "give it a container, and compile it again"
            yield Violation(where=f"deploymentSpec.{label}", what=what, fix=fix)


def sources(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """A driver fails on it long after the start (KFP: backend/src/v2/driver/resolve.go)."""
    del config
    for node in nodes(pipeline.spec):
        for kind, key, given in _inputs(node):
            if not (given.keys() & _SOURCES) or given.get("runtimeValue", {"constant": None}) == {}:
                fix = "name a task's output, an input of the pipeline or a constant"
                yield Violation(where=f"{node.name}.inputs.{kind}.{key}", what="comes from nowhere", fix=fix)


def producers(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """A driver fails on it long after the start (KFP: backend/src/v2/driver/resolve.go)."""
    del config
    for node in nodes(pipeline.spec):
        siblings = _siblings(pipeline, node)
        for kind, key, given in _inputs(node):
            name = producer(given)
            if name is not None and name not in siblings:
                where = f"{node.name}.inputs.{kind}.{key}"
                yield Violation(where=where, what=f"comes from {name!r}, which is not a task", fix=one_of(siblings))


def output_keys(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """A driver fails on it long after the start (KFP: backend/src/v2/driver/resolve.go)."""
    del config
    for node in nodes(pipeline.spec):
        siblings = _siblings(pipeline, node)
        for kind, key, given in _inputs(node):
            field, name = (
                ("Artifact", "outputArtifactKey") if kind == "artifacts" else ("Parameter", "outputParameterKey")
            )
            source = given.get(f"taskOutput{field}", {})
            maker = siblings.get(source.get("producerTask"))
            if maker is None or not maker.component:
                continue
            known = maker.component.get("outputDefinitions", {}).get(kind, {})
            if source.get(name) not in known:
                what = f"{maker.name} has no output {source.get(name)!r}"
                yield Violation(where=f"{node.name}.inputs.{kind}.{key}", what=what, fix=one_of(known))


def component_inputs(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """A driver fails on it ("parent DAG does not have input parameter", KFP: backend/src/v2/driver/resolve.go)."""
    del config
    owners = dict(dags(pipeline.spec))
    for node in nodes(pipeline.spec):
        for kind, key, given in _inputs(node):
            name = given.get("componentInputParameter", given.get("componentInputArtifact"))
            known = owners[node.dag].get("inputDefinitions", {}).get(kind, {})
            if name is not None and name not in known:
                what = f"comes from the input {name!r}, which {node.dag} does not have"
                yield Violation(where=f"{node.name}.inputs.{kind}.{key}", what=what, fix=one_of(known))


def dependent_tasks(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Refused by Argo ("dependency not defined", workflow/validate/validate.go)."""
    del config
    for node in nodes(pipeline.spec):
        siblings = _siblings(pipeline, node)
        for name in node.task.get("dependentTasks", ()):
            if name not in siblings:
                what = f"waits for {name!r}, which is not a task"
                yield Violation(where=f"{node.name}.dependentTasks", what=what, fix=one_of(siblings))


def dag_outputs(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """What a DAG hands on must be made by one of its tasks (PipelineSpec, DagOutputsSpec)."""
    del config
    for dag, owner in dags(pipeline.spec):
        tasks = owner.get("dag", {}).get("tasks", {})
        outputs = owner.get("dag", {}).get("outputs", {})
        for kind, key, name in _subtasks(outputs):
            if name not in tasks:
                where = f"{dag}.outputs.{kind}.{key}"
                yield Violation(where=where, what=f"comes from {name!r}, which is not a task", fix=one_of(tasks))


def cycles(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Refused by Argo ("dependency cycle detected", workflow/validate/validate.go)."""
    del config
    for dag, _ in dags(pipeline.spec):
        upstream = {node.name: sorted(node.upstream()) for node in nodes(pipeline.spec) if node.dag == dag}
        try:
            graphlib.TopologicalSorter(upstream).prepare()
        except graphlib.CycleError as error:
            *circle, _ = error.args[1]
            first = circle.index(min(circle))
            ring = " -> ".join([*circle[first:], *circle[: first + 1]])
            fix = "remove one of the dependencies"
            yield Violation(where=circle[first], what=f"tasks wait for each other: {ring}", fix=fix)


def platform_executors(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """KFP looks the executors up by label and silently ignores others (visitor.go)."""
    del config
    executors = pipeline.spec["deploymentSpec"]["executors"]
    platforms = (pipeline.platform_spec or {}).get("platforms", {})
    for label in platforms.get("kubernetes", {}).get("deploymentSpec", {}).get("executors", {}):
        if label not in executors:
            where, what = f"platforms.kubernetes.{label}", "is for an unknown executor"
            yield Violation(where=where, what=what, fix=one_of(executors))


RULES = (
    component_refs,
    executor_labels,
    executor_kinds,
    sources,
    producers,
    output_keys,
    component_inputs,
    dependent_tasks,
    dag_outputs,
    cycles,
    platform_executors,
)


def _siblings(pipeline: CompiledPipeline, node: Node) -> dict[str, Node]:
    return {other.name: other for other in nodes(pipeline.spec) if other.dag == node.dag}


def _inputs(node: Node) -> Iterator[tuple[str, str, dict]]:
    for kind in ("parameters", "artifacts"):
        yield from ((kind, key, given) for key, given in node.given(kind).items())


def _subtasks(outputs: dict) -> Iterator[tuple[str, str, str]]:
    for key, artifact in outputs.get("artifacts", {}).items():
        for selector in artifact.get("artifactSelectors", ()):
            yield "artifacts", key, selector.get("producerSubtask", "")
    for key, parameter in outputs.get("parameters", {}).items():
        one = parameter.get("valueFromParameter")
        several = parameter.get("valueFromOneof", {}).get("parameterSelectors", ())
        for selector in [one, *several] if one else several:
            yield "parameters", key, selector.get("producerSubtask", "")
