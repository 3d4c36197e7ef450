"""What would fail on the platform, found before anything is sent.

Each module of a room holds the rules of one group, as functions in its ``RULES``; the docstring of a rule names the
source that makes it a fact. A new module in ``spec``, ``profile`` or a platform's own room needs no registration. No
rule imports TFX or TensorFlow. docs/lint.md lists all rules.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from kubeflow.ir import runtime_parameters
from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint import origin
from kubeflow.lint.structure import references, schema
from kubeflow.lint.violation import Rule, Violation
from kubeflow.lint.walk import in_pipeline_order
from kubeflow.platform import kind_of
from pipeline.config.config import Config

__all__ = ["Violation", "lint", "rules_of"]

_ROOMS = ("kubeflow.lint.spec", "kubeflow.lint.profile")
# Rooms of rules for one platform, by its kind.
_PLATFORM_ROOMS = {
    "kubeflow": "kubeflow.lint.cluster",
    "vertex": "kubeflow.lint.vertex",  # part: vertex
}


def lint(compiled: CompiledPipeline, config: Config, *, parameters: Mapping[str, Any] | None = None) -> list[Violation]:
    """All violations, those of the profile first, then in the order of the pipeline; an empty list means no objection.

    A file that is not a sound PipelineSpec gets the violations on its structure alone: no other rule could read it.

    Args:
        compiled: the pipeline.
        config: the configuration with the profile of the platform.
        parameters: values for a run, judged in place of the defaults.

    Raises:
        ConfigError: the pipeline has no such parameter, or one of another type.
    """
    violations = [violation for rule in schema.RULES for violation in rule(compiled, config)]
    if violations:
        return violations
    pipeline = runtime_parameters.filled(schema.normalized(compiled), parameters or {})
    # Each stage relies on what the stages before it have checked.
    for rules in (references.RULES, rules_of(kind_of(config)), origin.RULES):
        violations = [violation for rule in rules for violation in rule(pipeline, config)]
        if violations:
            return in_pipeline_order(violations, pipeline.spec)
    return []


def rules_of(kind: str) -> tuple[Rule, ...]:
    """The rules of all rooms that apply to a platform, in the order of the modules' names."""
    rooms = [*_ROOMS, *(room for platform, room in _PLATFORM_ROOMS.items() if platform == kind)]
    return tuple(rule for room in rooms for rule in _rules_in(room))


def _rules_in(room: str) -> list[Rule]:
    names = sorted(module.name for module in pkgutil.iter_modules(importlib.import_module(room).__path__))
    modules = [importlib.import_module(f"{room}.{name}") for name in names]
    return [rule for module in modules for rule in getattr(module, "RULES", ())]
