"""Does Vertex have a machine for each task?"""

from __future__ import annotations

from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.profile.resources import accelerators_of, requested
from kubeflow.lint.vertex import machines
from kubeflow.lint.violation import Violation
from kubeflow.lint.walk import containers
from pipeline.config.config import Config

_LIMITS = (("cpu", 96, "96 CPUs"), ("memory", 624e9, "624 GB"))


def limits(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """A task has at most 96 CPUs and 624 GB (cloud.google.com/vertex-ai/docs/pipelines/machine-types).

    Some machines that come with accelerators are larger; the rule leaves them out.
    """
    for node, container in containers(pipeline):
        if "accelerator" in container.get("resources", {}):
            continue
        for name, most, said in _LIMITS:
            amount = requested(container, name, "Limit", config)
            if amount and amount > most:
                what = f"asks for more than {said}, the most that a task can have"
                yield Violation(where=f"{node}.resources.{name}", what=what, fix=f"ask for at most {said}")


def accelerators(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Vertex has its own names and counts (cloud.google.com/vertex-ai/docs/pipelines/machine-types).

    A name that is unknown here may be new, and is not a violation.
    """
    del config
    for node, kind, count in accelerators_of(pipeline):
        where = f"{node}.resources.accelerator"
        problem = machines.name_problem(kind)
        misfit = machines.count_problem(kind, int(count)) if count.isdigit() else None
        if problem:
            yield Violation(where=where, what=problem[0], fix=problem[1])
        elif misfit:
            yield Violation(where=where, what=f"asks for {misfit}", fix="change accelerator.count")


RULES = (limits, accelerators)
