"""Can the platform run what the pipeline asks for?"""

from __future__ import annotations

import re
from collections.abc import Iterator

import celpy
from celpy.celparser import CELParseError

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.violation import Violation, one_of
from kubeflow.lint.walk import Node, nodes, strings
from pipeline.config.config import Config
from pipeline.config.platform.kubeflow import Kubeflow

_ENTRYPOINT = "kubeflow.container.entrypoint"
_SPAN = re.compile(r"\{(SPAN|VERSION)(:[^}]*)?\}|\{(YYYY|MM|DD)\}")
_INPUT = re.compile(
    r"inputs\.(?P<kind>artifacts|parameter_values|parameters)\[(?P<quote>['\"])(?P<key>.*?)(?P=quote)\]"
)
# These macros bind their own names.
_MACRO = re.compile(r"\.(all|exists|exists_one|filter|map)\(")
# The fields of ExecutorInput, all that a condition sees.
_KNOWN_TO_CEL = {"inputs", "outputs"}


def resolvers(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """KFP runs none (argocompiler/dag.go, "resolver executors not implemented"); Vertex runs them."""
    for node in nodes(pipeline.spec):
        if "resolver" in node.executor and isinstance(config.platform, Kubeflow):
            what = "is a resolver, which the platform does not run"
            yield Violation(where=node.name, what=what, fix="use the component Champion instead")


def custom_jobs(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Refused by KFP (argocompiler/dag.go, "custom job executors is Google Cloud only")."""
    for node in nodes(pipeline.spec):
        if "customJob" in node.executor and isinstance(config.platform, Kubeflow):
            what = "is a Vertex custom job"
            yield Violation(where=node.name, what=what, fix="compile it with this profile: training is a TFJob there")


def conditional_importers(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Refused by KFP (argocompiler/dag.go, "triggerPolicy.condition on importer task is not supported")."""
    for node in nodes(pipeline.spec):
        conditional = node.task.get("triggerPolicy", {}).get("condition")
        if "importer" in node.executor and conditional and isinstance(config.platform, Kubeflow):
            what, fix = "is an importer with a condition", "remove the condition from the importer"
            yield Violation(where=f"{node.name}.triggerPolicy", what=what, fix=fix)


def artifact_iterators(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Refused by KFP (argocompiler/dag.go, "artifact iterator not implemented yet")."""
    for node in nodes(pipeline.spec):
        if "artifactIterator" in node.task and isinstance(config.platform, Kubeflow):
            what, fix = "runs once for each of several artifacts", "run once for each value of a parameter"
            yield Violation(where=f"{node.name}.artifactIterator", what=what, fix=fix)


def conditions(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The driver fails on it (KFP: backend/src/v2/expression/expression.go; both platforms speak CEL)."""
    del config
    environment = celpy.Environment()
    for node in nodes(pipeline.spec):
        condition = node.task.get("triggerPolicy", {}).get("condition")
        if not condition:
            continue
        where = f"{node.name}.triggerPolicy.condition"
        try:
            tree = environment.compile(condition)
        except CELParseError:
            yield Violation(where=where, what=f"{condition!r} is not a CEL expression", fix="write it in CEL")
            continue
        yield from _unknown_inputs(where, condition, node)
        if _MACRO.search(condition):
            continue
        for name in sorted({str(name) for leaf in tree.find_data("ident") for name in leaf.children} - _KNOWN_TO_CEL):
            yield Violation(where=where, what=f"asks for {name!r}", fix="there is inputs and outputs")


def spans(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """KFP does not run lifecycle.preCacheCheck, in which TFX finds the newest span.

    Sources: backend/src/v2/driver/ never reads it; tfx/orchestration/kubeflow/v2/file_based_example_gen/driver.py.
    """
    if not isinstance(config.platform, Kubeflow):
        return
    for node, path, text in strings(pipeline.spec):
        hook = node.executor.get("container", {}).get("lifecycle", {}).get("preCacheCheck")
        if hook and _SPAN.search(text):
            what, fix = f"{text!r} has a span or a version, which is never resolved", "name the folder itself"
            yield Violation(where=f"{node.name}.inputs.parameters.{path}", what=what, fix=fix)


def stock_infra_validator(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """TFX's own starts docker or a pod, and its step builder raises NotImplementedError for it (step_builder.py)."""
    del config
    for node in nodes(pipeline.spec):
        arguments = node.executor.get("container", {}).get("args", ())
        if "tfx.components.infra_validator.executor.Executor" in arguments:
            what, fix = (
                "is TFX's InfraValidator, which needs docker",
                "use components.gates.infra_validator.InfraValidator",
            )
            yield Violation(where=node.name, what=what, fix=fix)


def entry_points(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """KFP leaves the types of input artifacts empty, and reads minio:// and s3:// for nobody but itself.

    TFX's own entry point stops at the first of them (tfx/orchestration/kubeflow/v2/container/), ours handles both.
    """
    if not isinstance(config.platform, Kubeflow):
        return
    for node in nodes(pipeline.spec):
        container = node.executor.get("container", {})
        if "--executor_class_path" in container.get("args", ()) and _ENTRYPOINT not in container.get("command", ()):
            what = "starts TFX's own entry point, which cannot read the artifacts there"
            yield Violation(where=f"{node.name}.command", what=what, fix=f"start `python -m {_ENTRYPOINT}`")


def exit_handler_artifacts(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """It runs after failures, too, when there is no such artifact; TFX drops these inputs (step_builder.py)."""
    del config
    for node in nodes(pipeline.spec):
        for key in node.given("artifacts") if node.is_exit_handler else ():
            what, fix = "is an artifact, which may not exist when the exit handler runs", "use parameters only"
            yield Violation(where=f"{node.name}.inputs.artifacts.{key}", what=what, fix=fix)


def final_status(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """There is none before the end, and TFX drops it for every other node (step_builder.py)."""
    del config
    for node in nodes(pipeline.spec):
        for key, given in node.given("parameters").items():
            if "taskFinalStatus" in given and not node.is_exit_handler:
                what, fix = "is the final state, which only an exit handler gets", "make the node the exit handler"
                yield Violation(where=f"{node.name}.inputs.parameters.{key}", what=what, fix=fix)


RULES = (
    resolvers,
    custom_jobs,
    conditional_importers,
    artifact_iterators,
    conditions,
    spans,
    stock_infra_validator,
    entry_points,
    exit_handler_artifacts,
    final_status,
)


def _unknown_inputs(where: str, condition: str, node: Node) -> Iterator[Violation]:
    for match in _INPUT.finditer(condition):
        kind = "artifacts" if match["kind"] == "artifacts" else "parameters"
        # What is only declared may have a default.
        if match["key"] not in {**node.given(kind), **node.declared(kind)}:
            what = f"asks for the input {match['key']!r}, which the task does not get"
            yield Violation(where=where, what=what, fix=one_of(node.given(kind)))
