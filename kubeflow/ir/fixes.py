"""Fixes of what TFX's compiler gets wrong in the PipelineSpec: one function per fault; see the tests."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format
from tfx.dsl.compiler.compiler_utils import build_channel_to_key_fn, implicit_channel_key
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.experimental.conditionals.conditional import get_predicates
from tfx.dsl.placeholder.placeholder_base import Placeholder, Predicate
from tfx.orchestration.data_types import RuntimeParameter
from tfx.orchestration.kubeflow.decorators import FinalStatusStr
from tfx.orchestration.kubeflow.v2.compiler_utils import placeholder_to_cel
from tfx.orchestration.pipeline import Pipeline
from tfx.proto.orchestration.placeholder_pb2 import PlaceholderExpression
from tfx.types.channel_utils import encode_placeholder_with_channels, unwrap_simple_channel_placeholder

from kubeflow.ir.inner_dag import pass_parameters_inwards
from kubeflow.ir.pipeline_spec import CompiledPipeline, Tree
from pipeline.config.loading import ConfigError

# The flag by which TFX hands a component's input definitions to its container.
_INPUTS_FLAG = "--json_serialized_inputs_spec_args"


def fix(spec: dict[str, Any], *, pipeline: Pipeline, exit_handler: BaseNode | None) -> dict[str, Any]:
    """A copy of ``spec`` without the compiler's faults.

    Args:
        spec: PipelineSpec as TFX compiled it.
        pipeline: source of ``spec``.
        exit_handler: node that runs at the end; None if there is none.

    Raises:
        ConfigError: the pipeline contradicts itself: a runtime parameter has two defaults.
    """
    spec = copy.deepcopy(spec)
    _name_root(spec, pipeline)
    _give_resources(spec, pipeline)
    _connect_dynamic_properties(spec, pipeline)
    _quote_conditions(spec, pipeline)
    _give_defaults(spec, pipeline)
    pass_parameters_inwards(spec)
    _type_final_status(spec, exit_handler)
    restate_inputs(spec)
    return spec


def restate_inputs(spec: Tree) -> None:
    """Write the current input definitions into the arguments of all containers, in place.

    TFX's entry point reads the types of inputs and parameters from its arguments, not from the spec.
    """
    for component in spec["components"].values():
        executor = spec["deploymentSpec"]["executors"].get(component.get("executorLabel"), {})
        text = json.dumps(component.get("inputDefinitions", {}), indent=2, sort_keys=True)
        for arguments in _arguments(executor):
            if _INPUTS_FLAG in arguments:
                arguments[arguments.index(_INPUTS_FLAG) + 1] = text


def _arguments(executor: Tree) -> Iterator[list[str]]:
    container = executor.get("container", {})
    yield container.get("args", [])
    yield container.get("lifecycle", {}).get("preCacheCheck", {}).get("args", [])


def _name_root(spec: Tree, pipeline: Pipeline) -> None:
    """TFX writes the pipeline root only beside the spec, and the YAML has no place for it there."""
    spec.setdefault("defaultPipelineRoot", pipeline.pipeline_info.pipeline_root)


def _give_resources(spec: Tree, pipeline: Pipeline) -> None:
    """TFX ignores ``with_platform_config`` of an ExampleGen that reads files."""
    compiled = CompiledPipeline(spec=spec)
    for node in pipeline.components:
        if isinstance(node, BaseComponent) and node.platform_config:
            container = compiled.executor(node.id)["container"]
            container.setdefault("resources", json_format.MessageToDict(node.platform_config))


def _connect_dynamic_properties(spec: Tree, pipeline: Pipeline) -> None:
    """TFX takes ``channel.future()[0].value`` from a task ``NODE_task``, which does not exist, and types it as text."""
    tasks = CompiledPipeline(spec=spec).tasks()
    for node in pipeline.components:
        for name, value in node.exec_properties.items():
            if not isinstance(value, Placeholder):
                continue
            channel = unwrap_simple_channel_placeholder(value)
            producer = spec["components"][channel.producer_component_id]
            produced = producer["outputDefinitions"]["parameters"][channel.output_key]
            source = tasks[node.id]["inputs"]["parameters"][name]["taskOutputParameter"]
            source["producerTask"] = channel.producer_component_id
            spec["components"][node.id]["inputDefinitions"]["parameters"][name] = dict(produced)


def _quote_conditions(spec: Tree, pipeline: Pipeline) -> None:
    """TFX does not escape texts: a quote or a backslash in a ``Cond`` becomes a syntax error."""
    tasks = CompiledPipeline(spec=spec).tasks()
    for node in pipeline.components:
        predicates = get_predicates(node, pipeline.dsl_context_registry)
        if predicates and node.id in tasks:
            tasks[node.id]["triggerPolicy"]["condition"] = " && ".join(_cel(one, node) for one in predicates)


def _cel(predicate: Predicate, node: BaseNode) -> str:
    keys = {implicit_channel_key(channel): key for key, channel in node.inputs.items()}
    expression = encode_placeholder_with_channels(predicate, build_channel_to_key_fn(keys))
    _escape(expression)
    return placeholder_to_cel(expression)


def _escape(expression: PlaceholderExpression) -> None:
    """Escape every text for single quotes in CEL, in place."""
    if expression.value.WhichOneof("value") == "string_value":
        escaped = json.dumps(expression.value.string_value, ensure_ascii=False)[1:-1]
        expression.value.string_value = escaped.replace("'", r"\'")
    operator = expression.operator.WhichOneof("operator_type")
    if operator is None:
        return
    for field, value in getattr(expression.operator, operator).ListFields():
        if field.message_type is not PlaceholderExpression.DESCRIPTOR:
            continue
        for part in [value] if isinstance(value, PlaceholderExpression) else value:
            _escape(part)


def _give_defaults(spec: Tree, pipeline: Pipeline) -> None:
    """TFX drops defaults and descriptions of runtime parameters, so a run would have to set every one."""
    given: dict[str, Any] = {}
    for parameter in _runtime_parameters(pipeline):
        definition = spec["root"]["inputDefinitions"]["parameters"][parameter.name]
        if parameter.description:
            definition["description"] = parameter.description
        if parameter.default is None:
            continue
        if given.setdefault(parameter.name, parameter.default) != parameter.default:
            raise ConfigError(
                f"runtime parameter {parameter.name}: has two defaults, {given[parameter.name]!r} and "
                f"{parameter.default!r}; give it one."
            )
        definition.update(defaultValue=parameter.default, isOptional=True)


def _runtime_parameters(pipeline: Pipeline) -> Iterator[RuntimeParameter]:
    for node in pipeline.components:
        for value in node.exec_properties.values():
            if isinstance(value, RuntimeParameter):
                yield value


def _type_final_status(spec: Tree, exit_handler: BaseNode | None) -> None:
    """TFX types the final status of a run as text; the backends have a type for it."""
    if exit_handler is None:
        return
    for name, value in exit_handler.exec_properties.items():
        if isinstance(value, FinalStatusStr):
            definition = spec["components"][exit_handler.id]["inputDefinitions"]["parameters"][name]
            definition["parameterType"] = "TASK_FINAL_STATUS"
