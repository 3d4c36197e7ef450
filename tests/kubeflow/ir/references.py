"""Whether everything that a PipelineSpec names is there."""

from __future__ import annotations

import re
from collections.abc import Iterator

Tree = dict


def dangling(spec: Tree) -> list[str]:
    """One line for each name in ``spec`` that nothing answers to."""
    found = []
    for owner, component in [("root", spec["root"]), *spec["components"].items()]:
        if "dag" in component:
            found += [f"{owner}: {line}" for line in _dag(component, spec["components"])]
        elif component["executorLabel"] not in spec["deploymentSpec"]["executors"]:
            found.append(f"{owner}: executor {component['executorLabel']}")
    return sorted(found)


def _dag(owner: Tree, components: Tree) -> Iterator[str]:
    tasks = owner["dag"]["tasks"]
    for name, task in tasks.items():
        component = components.get(task["componentRef"]["name"])
        if component is None:
            yield f"{name}: component {task['componentRef']['name']}"
            continue
        for kind in ("parameters", "artifacts"):
            declared = component.get("inputDefinitions", {}).get(kind, {})
            given = task.get("inputs", {}).get(kind, {})
            yield from (f"{name}: {kind} {key}" for key in sorted(declared.keys() ^ given.keys()))
        yield from (f"{name}: dependent task {other}" for other in task.get("dependentTasks", ()) if other not in tasks)
        if len(set(task.get("dependentTasks", ()))) < len(task.get("dependentTasks", ())):
            yield f"{name}: a dependent task twice"
        for key, source in task.get("inputs", {}).get("parameters", {}).items():
            yield from (f"{name}.{key}: {line}" for line in _parameter(source, owner, components))
        for key, source in task.get("inputs", {}).get("artifacts", {}).items():
            output = source["taskOutputArtifact"]
            if output["outputArtifactKey"] not in _outputs(owner, components, output["producerTask"], "artifacts"):
                yield f"{name}.{key}: artifact of {output['producerTask']}"
        condition = task.get("triggerPolicy", {}).get("condition", "")
        for key in re.findall(r"inputs\.artifacts\['([^']*)'\]", condition):
            if key not in component.get("inputDefinitions", {}).get("artifacts", {}):
                yield f"{name}: condition on {key}"


def _parameter(source: Tree, owner: Tree, components: Tree) -> Iterator[str]:
    outside = source.get("componentInputParameter")
    if outside is not None and outside not in owner.get("inputDefinitions", {}).get("parameters", {}):
        yield f"parameter {outside} of the DAG"
    output = source.get("taskOutputParameter")
    if output and output["outputParameterKey"] not in _outputs(owner, components, output["producerTask"], "parameters"):
        yield f"parameter of {output['producerTask']}"
    status = source.get("taskFinalStatus")
    if status and status["producerTask"] not in owner["dag"]["tasks"]:
        yield f"status of {status['producerTask']}"


def _outputs(owner: Tree, components: Tree, task: str, kind: str) -> Tree:
    if task not in owner["dag"]["tasks"]:
        return {}
    component = components[owner["dag"]["tasks"][task]["componentRef"]["name"]]
    return component.get("outputDefinitions", {}).get(kind, {})
