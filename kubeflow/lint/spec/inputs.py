"""Does every task get what its component declares, and is everything used?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.violation import Violation, one_of
from kubeflow.lint.walk import ROOT, Node, dags, nodes
from pipeline.config.config import Config
from pipeline.config.platform.kubeflow import Kubeflow

_TYPES: dict[str, tuple[type, ...]] = {
    "NUMBER_DOUBLE": (int, float),
    "NUMBER_INTEGER": (int, float),
    "STRING": (str,),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
}


def missing(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The driver fails ("neither value nor default value provided", KFP: backend/src/v2/driver/resolve.go)."""
    del config
    for node in nodes(pipeline.spec):
        for kind in ("parameters", "artifacts"):
            for key, definition in node.declared(kind).items():
                optional = definition.get("isOptional") or "defaultValue" in definition
                if not optional and key not in node.given(kind) and key != _item(node):
                    what = "is required by the component, and the task does not give it"
                    yield Violation(
                        where=f"{node.name}.inputs.{kind}.{key}", what=what, fix="give it, or make it optional"
                    )


def undeclared(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Nobody looks for it: a name that was misspelled, or a component that has changed since.

    TFX's entry point hands it on without a type (tfx/orchestration/kubeflow/v2/container/
    kubeflow_v2_entrypoint_utils.py), and no executor asks for it.
    """
    del config
    for node in nodes(pipeline.spec):
        for kind in ("parameters", "artifacts"):
            for key in node.given(kind):
                if key not in node.declared(kind):
                    what = "is given, and the component does not declare it"
                    yield Violation(
                        where=f"{node.name}.inputs.{kind}.{key}", what=what, fix=one_of(node.declared(kind))
                    )


def constant_types(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The driver fails ("input parameter type mismatch", KFP: backend/src/v2/driver/resolve.go); so does Vertex.

    KFP turns anything into a text where one is declared.
    """
    for node in nodes(pipeline.spec):
        for key, given in node.given("parameters").items():
            kind = node.declared("parameters").get(key, {}).get("parameterType")
            value = given.get("runtimeValue", {}).get("constant")
            if value is not None and _mismatch(value, kind, config):
                what = f"is declared as {kind}, and {_short(value)} is given"
                yield Violation(
                    where=f"{node.name}.inputs.parameters.{key}", what=what, fix="give a value of that type"
                )


def default_types(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """As with constants; the API server fills the defaults in (KFP: argocompiler/argo.go, Compile)."""
    for dag, owner in dags(pipeline.spec):
        for key, definition in owner.get("inputDefinitions", {}).get("parameters", {}).items():
            kind, value = definition.get("parameterType"), definition.get("defaultValue")
            if value is not None and _mismatch(value, kind, config):
                what = f"is declared as {kind}, and its default is {_short(value)}"
                yield Violation(where=f"{dag}.parameters.{key}", what=what, fix="give a default of that type")


def parameter_links(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """As with constants, for a parameter that comes from another task or from the pipeline."""
    owners = dict(dags(pipeline.spec))
    siblings = {(node.dag, node.name): node for node in nodes(pipeline.spec)}
    items = {(node.task["componentRef"]["name"], _item(node)) for node in siblings.values()}
    for node in siblings.values():
        for key, given in node.given("parameters").items():
            outer = given.get("componentInputParameter")
            # What an expression selects, or an iterator hands out one by one, has no declared type.
            if "parameterExpressionSelector" in given or (outer and (node.dag, outer) in items):
                continue
            if outer:
                made = owners[node.dag]["inputDefinitions"]["parameters"][outer].get("parameterType")
            elif "taskOutputParameter" in given:
                source = given["taskOutputParameter"]
                outputs = siblings[node.dag, source["producerTask"]].component["outputDefinitions"]["parameters"]
                made = outputs[source["outputParameterKey"]].get("parameterType")
            else:
                continue
            declared = node.declared("parameters").get(key, {}).get("parameterType")
            if declared and made and _TYPES.get(declared) != _TYPES.get(made) and not _takes_all(declared, config):
                what = f"is declared as {declared}, and what it is given is {made}"
                fix = "declare both with the same type"
                yield Violation(where=f"{node.name}.inputs.parameters.{key}", what=what, fix=fix)


def unused_parameters(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """A value set for it at submission changes nothing."""
    del config
    platform = json.dumps(pipeline.platform_spec or {})
    members = [node for node in nodes(pipeline.spec) if node.dag == ROOT]
    used = {given.get("componentInputParameter") for node in members for given in node.given("parameters").values()}
    iterated = {node.task.get("parameterIterator", {}).get("items", {}).get("inputParameter") for node in members}
    conditions = " ".join(node.task.get("triggerPolicy", {}).get("condition", "") for node in members)
    for key in pipeline.spec["root"].get("inputDefinitions", {}).get("parameters", {}):
        if key not in used | iterated and key not in conditions and f'"{key}"' not in platform:
            what, fix = "is taken by no task", "name the node's property that takes it, or leave it out"
            yield Violation(where=f"{ROOT}.parameters.{key}", what=what, fix=fix)


RULES = (
    missing,
    undeclared,
    constant_types,
    default_types,
    parameter_links,
    unused_parameters,
)


def _item(node: Node) -> str | None:
    """The input that an iterator fills; None where the task runs once."""
    return node.task.get("parameterIterator", node.task.get("artifactIterator", {})).get("itemInput")


def _takes_all(kind: str, config: Config) -> bool:
    return kind == "STRING" and isinstance(config.platform, Kubeflow)


def _mismatch(value: Any, kind: str | None, config: Config) -> bool:
    if kind not in _TYPES or _takes_all(kind, config):
        return False
    fits = isinstance(value, _TYPES[kind])
    return not fits or (isinstance(value, bool) and kind != "BOOLEAN")


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]} ..."
