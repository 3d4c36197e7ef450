"""The ways through a compiled pipeline that several rules share."""

from __future__ import annotations

import graphlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from kubeflow.ir.pipeline_spec import CompiledPipeline, Tree
from kubeflow.ir.tasks import FINGERPRINT
from kubeflow.lint.violation import Violation

ROOT = "root"


@dataclass(frozen=True, kw_only=True)
class Node:
    """One task of a DAG, with what it refers to.

    Attributes:
        dag: the component whose DAG it belongs to, or ``root``.
        name: its id.
        task: the PipelineTaskSpec.
        component: what it runs; empty where there is no such component.
        executor: how; empty for a DAG of its own, or where there is no such executor.
    """

    dag: str
    name: str
    task: Tree
    component: Tree
    executor: Tree

    def given(self, kind: str) -> Tree:
        """The ``parameters`` or ``artifacts`` that the task gives."""
        return self.task.get("inputs", {}).get(kind, {})

    def declared(self, kind: str) -> Tree:
        """The ``parameters`` or ``artifacts`` that the component declares as its inputs."""
        return self.component.get("inputDefinitions", {}).get(kind, {})

    def upstream(self) -> set[str]:
        """The tasks that end before it."""
        inputs = [*self.given("parameters").values(), *self.given("artifacts").values()]
        return {*self.task.get("dependentTasks", ()), *(name for given in inputs if (name := producer(given)))}

    @property
    def is_exit_handler(self) -> bool:
        """Whether it runs at the end, whatever came before."""
        return self.task.get("triggerPolicy", {}).get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED"


def producer(given: Tree) -> str | None:
    """The task that an input comes from; None where it comes from elsewhere."""
    for kind in ("taskOutputArtifact", "taskOutputParameter", "taskFinalStatus"):
        if kind in given:
            return given[kind].get("producerTask", "")
    return None


def dags(spec: Tree) -> Iterator[tuple[str, Tree]]:
    """The components that are DAGs, by name; the pipeline's own is ``root``."""
    yield ROOT, spec["root"]
    yield from ((name, component) for name, component in spec["components"].items() if "dag" in component)


def nodes(spec: Tree) -> list[Node]:
    """The tasks of all DAGs."""
    found = []
    for dag, owner in dags(spec):
        for name, task in owner.get("dag", {}).get("tasks", {}).items():
            component = spec["components"].get(task.get("componentRef", {}).get("name"), {})
            executor = spec["deploymentSpec"]["executors"].get(component.get("executorLabel"), {})
            found.append(Node(dag=dag, name=name, task=task, component=component, executor=executor))
    return found


def containers(pipeline: CompiledPipeline) -> Iterator[tuple[str, Tree]]:
    """Tasks with their container specs."""
    for node in nodes(pipeline.spec):
        if "container" in node.executor:
            yield node.name, node.executor["container"]


def strings(spec: Tree) -> Iterator[tuple[Node, str, str]]:
    """Every text among the constants and defaults that a task gets: the task, the input's path, the text.

    JSON inside of texts is opened, since TFX gives its options in that way. The node that looks at the files before
    ExampleGen is left out: it gets what ExampleGen gets, and one mistake is one violation.
    """
    for node in nodes(spec):
        if "dag" in node.component or node.name == FINGERPRINT:
            continue
        for key, given in node.given("parameters").items():
            yield from ((node, path, text) for path, text in texts(key, _constant(spec, node.dag, given)))


def _constant(spec: Tree, dag: str, given: Tree) -> Any:
    """What ``given`` is where no submission sets it, through all DAGs around it; None where a task makes it."""
    if "componentInputParameter" not in given:
        return given.get("runtimeValue", {}).get("constant")
    parameter = given["componentInputParameter"]
    owner = spec["root"] if dag == ROOT else spec["components"][dag]
    for node in nodes(spec) if dag != ROOT else ():
        if node.task.get("componentRef", {}).get("name") == dag and parameter in node.given("parameters"):
            return _constant(spec, node.dag, node.given("parameters")[parameter])
    return owner.get("inputDefinitions", {}).get("parameters", {}).get(parameter, {}).get("defaultValue")


def texts(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text in a value, with its path; JSON inside of texts is opened."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from texts(f"{path}.{key}", child)
    elif isinstance(value, (list, tuple)):
        for index, child in enumerate(value):
            yield from texts(f"{path}.{index}", child)
    elif isinstance(value, str):
        opened = _opened(value)
        if opened is None:
            yield path, value
        else:
            yield from texts(path, opened)


def _opened(text: str) -> dict | list | None:
    if not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


def in_pipeline_order(violations: Iterable[Violation], spec: Tree) -> list[Violation]:
    """Those that belong to no task first, then by the tasks in the order in which they run."""
    rank: dict[str, int] = {}
    for dag, _ in dags(spec):
        members = {node.name: node.upstream() for node in nodes(spec) if node.dag == dag}
        try:
            order = list(graphlib.TopologicalSorter(members).static_order())
        except graphlib.CycleError:
            order = list(members)
        rank |= {name: len(rank) + place for place, name in enumerate(order)}
    return sorted(violations, key=lambda violation: rank.get(violation.where.split(".")[0], -1))
