"""What TFX's pipelines cannot express: resources, retries, caching, images of GPU nodes, and runtime parameters.

All of it exists only in the PipelineSpec, so it is written there after TFX has compiled the pipeline.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from typing import Any

from components.messages import did_you_mean
from kubeflow.ir.inner_dag import pass_parameters_inwards
from kubeflow.ir.pipeline_spec import CompiledPipeline, Tree
from kubeflow.platform import platform_of
from pipeline.config.beam.in_process import InProcess
from pipeline.config.config import Config
from pipeline.config.loading import ConfigError
from pipeline.config.platform.kubeflow import Kubeflow
from pipeline.config.platform.platform import Platform, TaskOptions

EXAMPLE_GEN = "ExampleGen"
FINGERPRINT = "DataFingerprint"
# Vertex: the longest wait between two attempts, and the most that it takes.
_LONGEST_WAIT = "3600s"
# Argo: the age of the first attempt after which none follows, and at which a running one is killed. A year.
_NO_DEADLINE = "31536000s"
_GIGABYTE = 1e9
_UNITS = {
    unit + suffix: base**power
    for base, suffix in ((1000, ""), (1024, "i"))
    for power, unit in enumerate("KMGTPE", start=1)
}


def configure(
    spec: dict[str, Any], config: Config, *, uncached: Collection[str], gates: Collection[str]
) -> dict[str, Any]:
    """A copy of ``spec`` in which every node has what ``config.platform`` gives it.

    Args:
        spec: PipelineSpec, fixed.
        config: configuration; its ``platform`` decides.
        uncached: ids of nodes whose outputs are never reused.
        gates: ids of nodes that may refuse; they are retried only if ``platform.tasks`` says so, since a second look
            at the same model changes nothing.

    Raises:
        ConfigError: ``platform`` names an unknown node or property.
    """
    platform = platform_of(config)
    compiled = CompiledPipeline(spec=copy.deepcopy(spec))
    nodes = [*compiled.tasks(), *filter(None, [compiled.exit_handler()])]
    _check_nodes(platform, nodes)
    for node in nodes:
        options = _options(platform, node, is_gate=node in gates)
        cached = config.cache if options.cache is None else options.cache
        fresh = node in uncached or node == compiled.exit_handler()
        task = compiled.task(node)
        task["cachingOptions"] = {"enableCache": True} if cached and not fresh else {}
        if options.retries:
            task["retryPolicy"] = retry_policy(options, platform)
        container = compiled.executor(node).get("container")
        if container is not None:
            _configure_container(container, options, config)
    for name, target in platform.parameters.items():
        open_parameter(compiled, name, target=target)
    _let_fingerprint_follow(compiled)
    pass_parameters_inwards(compiled.spec)
    return compiled.spec


def _check_nodes(platform: Platform, nodes: Sequence[str]) -> None:
    for node in platform.tasks:
        if node not in nodes:
            near = did_you_mean(nodes, like=node)
            raise ConfigError(f"platform.tasks.{node}: there is no such node; {near}the nodes are {', '.join(nodes)}.")


def _options(platform: Platform, node: str, *, is_gate: bool) -> TaskOptions:
    """What ``node`` gets; a gate is retried only if its own options say so."""
    options = platform.task(node)
    if is_gate and platform.tasks.get(node, TaskOptions()).retries is None:
        return options.model_copy(update={"retries": 0})
    return options


def _configure_container(container: Tree, options: TaskOptions, config: Config) -> None:
    container["resources"] = resources(options)
    container["args"] = [*_beam_limit(config), *container.get("args", ())]
    gpu_image = platform_of(config).gpu_image
    if options.accelerator and gpu_image:
        container["image"] = gpu_image


def _beam_limit(config: Config) -> list[str]:
    """The limit for `kubeflow.container.entrypoint`, unless it is the default."""
    limit = config.beam.limit_minutes
    return [] if limit == InProcess().limit_minutes else [f"--beam_limit_minutes={limit}"]


def retry_policy(options: TaskOptions, platform: Platform) -> dict[str, Any]:
    """A RetryPolicy whose wait doubles with every retry.

    ``backoffMaxDuration`` means two things. On Vertex it is the longest wait
    (cloud.google.com/vertex-ai/docs/pipelines/configure-retries). KFP hands it to Argo as ``maxDuration``, which counts
    from the start of the first attempt and becomes the deadline of each later pod (argo-workflows,
    workflow/controller/operator.go, processNodeRetries); without the key KFP hands over 0, and nothing is retried
    (backend/src/v2/compiler/argocompiler/container.go, addParameterDefault).
    """
    return {
        "maxRetryCount": options.retries,
        "backoffDuration": f"{options.retry_seconds or 0}s",
        "backoffFactor": 2.0,
        "backoffMaxDuration": _NO_DEADLINE if isinstance(platform, Kubeflow) else _LONGEST_WAIT,
    }


def resources(options: TaskOptions) -> dict[str, Any]:
    """A ResourceSpec, in its new fields and in the old ones for Vertex and older backends."""
    found: dict[str, Any] = {}
    if options.cpu:
        found |= {"cpuLimit": options.cpu, "resourceCpuLimit": f"{options.cpu:g}"}
    if options.memory:
        found |= {"memoryLimit": gigabytes(options.memory), "resourceMemoryLimit": options.memory}
    if options.accelerator:
        kind, count = options.accelerator.type, options.accelerator.count
        # In the protobuf's JSON form, an int64 is a text.
        found["accelerator"] = {
            "type": kind,
            "count": str(count),
            "resourceType": kind,
            "resourceCount": str(count),
        }
    return found


def gigabytes(memory: str) -> float:
    """An amount of memory, such as ``16G`` or ``512Mi``, in units of 10^9 bytes."""
    digits = memory.rstrip("EPTGMKi")
    return float(digits) * _UNITS.get(memory[len(digits) :], 1) / _GIGABYTE


def _let_fingerprint_follow(compiled: CompiledPipeline) -> None:
    """Give the node that looks at the files every property as ExampleGen gets it, runtime parameters among them."""
    tasks = compiled.tasks()
    if FINGERPRINT in tasks:
        leading, following = (tasks[node]["inputs"]["parameters"] for node in (EXAMPLE_GEN, FINGERPRINT))
        following.update({key: dict(leading[key]) for key in following})


def open_parameter(compiled: CompiledPipeline, name: str, *, target: str) -> None:
    """Make a property of a node a runtime parameter with the current value as its default.

    Raises:
        ConfigError: there is no such node or property, or its value comes from another node.
    """
    node, _, key = target.partition(".")
    where = f"platform.parameters.{name}"
    if node not in compiled.tasks():
        near = did_you_mean(compiled.tasks(), like=node)
        raise ConfigError(f"{where}: there is no node {node!r}; {near}the nodes are {', '.join(compiled.tasks())}.")
    given = compiled.tasks()[node].get("inputs", {}).get("parameters", {})
    constants = {key: value["runtimeValue"]["constant"] for key, value in given.items() if "runtimeValue" in value}
    if key not in constants:
        raise ConfigError(
            f"{where}: {node} has no property {key!r} that can be set; {did_you_mean(constants, like=key)}it has "
            f"{', '.join(sorted(constants))}."
        )
    kind = compiled.spec["components"][node]["inputDefinitions"]["parameters"][key]["parameterType"]
    root = compiled.spec["root"]
    definitions = root.setdefault("inputDefinitions", {}).setdefault("parameters", {})
    definitions[name] = {"parameterType": kind, "defaultValue": constants[key], "isOptional": True}
    given[key] = {"componentInputParameter": name}
