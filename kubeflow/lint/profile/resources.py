"""Is there a machine for what the tasks ask for?"""

from __future__ import annotations

from collections.abc import Iterator

from kubernetes.utils.quantity import parse_quantity

from kubeflow.ir.pipeline_spec import CompiledPipeline, Tree
from kubeflow.lint.finding import Finding
from kubeflow.lint.profile import machines
from kubeflow.lint.walk import containers
from pipeline.config.config import Config
from pipeline.config.platforms import CustomJob, Endpoint

# Vertex, cloud.google.com/vertex-ai/docs/pipelines/machine-types.
_MOST_CPUS, _MOST_BYTES = 96, 624e9
_AMOUNTS = (("cpu", "Cpu"), ("memory", "Memory"))
# Device plugins of Kubernetes.
_OF_KUBERNETES = ("nvidia.com/", "amd.com/")
_OF_VERTEX = f"there is {', '.join(sorted(machines.ACCELERATORS - machines.RETIRED))}"


def quantities(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """The driver cannot make a pod of it (KFP: backend/src/v2/driver/driver.go, getPodResource)."""
    for node, container in containers(pipeline):
        for name, field in _AMOUNTS:
            for bound in ("Limit", "Request"):
                text = container.get("resources", {}).get(f"resource{field}{bound}", "")
                if text and not _is_placeholder(text) and _amount(text, config) is None:
                    what, fix = f"{text!r} is no amount", "write it as 2, 500m, 16G or 512Mi"
                    yield Finding(where=f"{node}.resources.{name}{bound}", what=what, fix=fix)


def requests(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """Kubernetes refuses the pod (pkg/apis/core/validation: "must be less than or equal to limit")."""
    if config.platform.kind != "kubeflow":
        return
    for node, container in containers(pipeline):
        for name, _ in _AMOUNTS:
            least, most = (_asked(container, name, bound, config) for bound in ("Request", "Limit"))
            if least and most and least > most:
                what, fix = "the request is more than the limit", "ask for no more than the limit"
                yield Finding(where=f"{node}.resources.{name}", what=what, fix=fix)


def vertex_limits(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """A task has 96 CPUs and 624 GB at most (cloud.google.com/vertex-ai/docs/pipelines/machine-types).

    Of machines that come with their accelerators some are larger, and nothing is said of them.
    """
    if config.platform.kind != "vertex":
        return
    for node, container in containers(pipeline):
        if "accelerator" in container.get("resources", {}):
            continue
        limits = (("cpu", _MOST_CPUS, "96 CPUs"), ("memory", _MOST_BYTES, "624 GB"))
        for name, most, said in limits:
            asked = _asked(container, name, "Limit", config)
            if asked and asked > most:
                what, fix = f"asks for more than {said}, the most of a task", f"ask for {said} at most"
                yield Finding(where=f"{node}.resources.{name}", what=what, fix=fix)


def accelerators(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """The platform knows accelerators by its own names.

    Sources: cloud.google.com/vertex-ai/docs/pipelines/machine-types, of which a name that came later is no finding;
    Kubernetes, extended resources are DOMAIN/NAME, which KFP copies into the pod's limits
    (backend/src/v2/driver/driver.go, initPodSpecPatch).
    """
    for node, container in containers(pipeline):
        asked = container.get("resources", {}).get("accelerator", {})
        kind = asked.get("resourceType") or asked.get("type")
        if not kind or _is_placeholder(kind):
            continue
        where = f"{node}.resources.accelerator"
        problem = _name_problem(kind, config)
        if problem:
            yield Finding(where=where, what=problem[0], fix=problem[1])
            continue
        count = str(asked.get("resourceCount") or asked.get("count", "0"))
        misfit = machines.count_problem(kind, int(count)) if count.isdigit() else None
        if config.platform.kind == "vertex" and misfit:
            yield Finding(where=where, what=f"asks for {misfit}", fix="change accelerator.count")


def training_machine(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """Vertex refuses the custom job when the Trainer's turn comes (.../docs/training/configure-compute)."""
    del pipeline
    training = config.platform.training if config.platform.kind == "vertex" else None
    if training:
        yield from _machine("platform.training", _machine_spec(training))


def endpoint_machine(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """Vertex refuses the deployment, after all gates (.../docs/predictions/configure-compute)."""
    del pipeline
    endpoint = config.platform.endpoint if config.platform.kind == "vertex" else None
    if endpoint is None:
        return
    yield from _machine("platform.endpoint", _machine_spec(endpoint))


def training_operator(pipeline: CompiledPipeline, config: Config) -> Iterator[Finding]:
    """The operator could make no pods of the TFJob, and the Trainer would wait until its time is over."""
    del pipeline
    training = config.platform.training if config.platform.kind == "kubeflow" else None
    if training is None:
        return
    if _amount(training.memory, config) is None:
        what, fix = f"{training.memory!r} is no amount", "write it as 16G or 512Mi"
        yield Finding(where="platform.training.memory", what=what, fix=fix)
    problem = _name_problem(training.accelerator.type, config) if training.accelerator else None
    if problem:
        yield Finding(where="platform.training.accelerator.type", what=problem[0], fix=problem[1])


RULES = (
    quantities,
    requests,
    vertex_limits,
    accelerators,
    training_machine,
    endpoint_machine,
    training_operator,
)


def _machine_spec(options: CustomJob | Endpoint) -> Tree:
    machine: Tree = {"machineType": options.machine_type}
    if options.accelerator:
        machine |= {"acceleratorType": options.accelerator.type, "acceleratorCount": options.accelerator.count}
    return machine


def _machine(where: str, machine: Tree) -> Iterator[Finding]:
    name = machine["machineType"]
    problem = machines.machine_problem(name)
    if problem:
        yield Finding(where=where, what=problem, fix="take one of them")
        return
    kind, count = machine.get("acceleratorType"), int(machine.get("acceleratorCount", 0))
    unknown = _client_name_problem(kind) if kind else None
    if unknown:
        yield Finding(where=where, what=unknown[0], fix=unknown[1])
        return
    misfit = (machines.count_problem(kind, count) if kind else None) or machines.fit_problem(name, kind, count)
    if misfit:
        yield Finding(where=where, what=misfit, fix="change machine_type or accelerator")


def _name_problem(kind: str, config: Config) -> tuple[str, str] | None:
    if config.platform.kind == "vertex":
        return _vertex_name_problem(kind)
    if "/" not in kind:
        return f"{kind} is no resource of Kubernetes", "name it as its nodes do, such as nvidia.com/gpu"
    return None


def _vertex_name_problem(kind: str) -> tuple[str, str] | None:
    if kind in machines.RETIRED:
        return f"there are no {kind} any more", "take NVIDIA_TESLA_T4 or NVIDIA_L4"
    if kind.startswith(_OF_KUBERNETES):
        return f"{kind} is no accelerator of Vertex", _OF_VERTEX
    return None


def _client_name_problem(kind: str) -> tuple[str, str] | None:
    """As for tasks, and the client that makes the job or the endpoint sends no name that it does not know."""
    problem = _vertex_name_problem(kind)
    if problem is None and kind not in machines.ACCELERATORS:
        return f"{kind} is no accelerator that Vertex's client knows", _OF_VERTEX
    return problem


def _asked(container: Tree, name: str, bound: str, config: Config) -> float | None:
    resources = container.get("resources", {})
    text = resources.get(f"resource{name.capitalize()}{bound}", "")
    if text:
        return None if _is_placeholder(text) else _amount(text, config)
    # The older fields: cores, and gigabytes.
    number = resources.get(f"{name}{bound}")
    return number and float(number) * (1e9 if name == "memory" else 1)


def _amount(text: str, config: Config) -> float | None:
    """Cores or bytes; None where ``text`` is no such amount."""
    # Kubernetes itself knows no capital K, its Python client does (apimachinery/pkg/api/resource/quantity.go).
    if config.platform.kind == "kubeflow" and text.endswith("K"):
        return None
    try:
        return float(parse_quantity(text))
    except ValueError:
        return None


def _is_placeholder(text: str) -> bool:
    return "{{$" in text
