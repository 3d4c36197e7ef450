"""Is there a machine for the requests of the tasks?"""

from __future__ import annotations

from collections.abc import Iterator

from kubernetes.utils.quantity import parse_quantity

from kubeflow.ir.pipeline_spec import CompiledPipeline, Tree
from kubeflow.lint.violation import Violation
from kubeflow.lint.walk import containers
from pipeline.config.config import Config
from pipeline.config.platform.kubeflow import Kubeflow

_AMOUNTS = (("cpu", "Cpu"), ("memory", "Memory"))


def quantities(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The driver cannot make a pod of it (KFP: backend/src/v2/driver/driver.go, getPodResource)."""
    for node, container in containers(pipeline):
        for name, field in _AMOUNTS:
            for bound in ("Limit", "Request"):
                text = container.get("resources", {}).get(f"resource{field}{bound}", "")
                if text and not _is_placeholder(text) and amount(text, config) is None:
                    what, fix = f"{text!r} is not a valid amount", "write it as 2, 500m, 16G or 512Mi"
                    yield Violation(where=f"{node}.resources.{name}{bound}", what=what, fix=fix)


def requests(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Kubernetes refuses the pod (pkg/apis/core/validation: "must be less than or equal to limit")."""
    if not isinstance(config.platform, Kubeflow):
        return
    for node, container in containers(pipeline):
        for name, _ in _AMOUNTS:
            least, most = (requested(container, name, bound, config) for bound in ("Request", "Limit"))
            if least and most and least > most:
                what, fix = "the request is above the limit", "lower the request, or raise the limit"
                yield Violation(where=f"{node}.resources.{name}", what=what, fix=fix)


def accelerators(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Kubernetes knows accelerators as extended resources, DOMAIN/NAME.

    KFP copies the name into the pod's limits (backend/src/v2/driver/driver.go, initPodSpecPatch).
    """
    if not isinstance(config.platform, Kubeflow):
        return
    for node, kind, _ in accelerators_of(pipeline):
        yield from accelerator_name(f"{node}.resources.accelerator", kind)


RULES = (quantities, requests, accelerators)


def accelerators_of(pipeline: CompiledPipeline) -> Iterator[tuple[str, str, str]]:
    """The tasks with accelerators: node, type and count as text."""
    for node, container in containers(pipeline):
        given = container.get("resources", {}).get("accelerator", {})
        kind = given.get("resourceType") or given.get("type")
        if kind and not _is_placeholder(kind):
            yield node, kind, str(given.get("resourceCount") or given.get("count", "0"))


def accelerator_name(where: str, kind: str) -> Iterator[Violation]:
    """A violation if Kubernetes can have no accelerator called ``kind``."""
    if "/" not in kind:
        what, fix = f"{kind} is not a resource of Kubernetes", "name it as its nodes do, such as nvidia.com/gpu"
        yield Violation(where=where, what=what, fix=fix)


def requested(container: Tree, name: str, bound: str, config: Config) -> float | None:
    """Cores or bytes that a container asks for; None for nothing, or for a value that only the run knows.

    Args:
        container: the container's spec.
        name: ``cpu`` or ``memory``.
        bound: ``Limit`` or ``Request``.
        config: the configuration with its profile.
    """
    resources = container.get("resources", {})
    text = resources.get(f"resource{name.capitalize()}{bound}", "")
    if text:
        return None if _is_placeholder(text) else amount(text, config)
    # The older fields: cores, and gigabytes.
    number = resources.get(f"{name}{bound}")
    return number and float(number) * (1e9 if name == "memory" else 1)


def amount(text: str, config: Config) -> float | None:
    """Cores or bytes; None if ``text`` is not a valid amount."""
    # Kubernetes itself knows no capital K, its Python client does (apimachinery/pkg/api/resource/quantity.go).
    if isinstance(config.platform, Kubeflow) and text.endswith("K"):
        return None
    try:
        return float(parse_quantity(text))
    except ValueError:
        return None


def _is_placeholder(text: str) -> bool:
    return "{{$" in text
