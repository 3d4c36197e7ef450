"""What would fail on the platform, found before anything is sent.

Each module holds the rules of one group, as functions in its ``RULES``; each rule's docstring names the source that
makes it a fact. None imports TFX or TensorFlow. All of them are listed in docs/lint.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeflow.ir import runtime_parameters
from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.finding import Finding
from kubeflow.lint.profile import beam, images, paths, placeholders, resources, secrets, storage, training
from kubeflow.lint.spec import backend, inputs, names, origin, references, schema
from kubeflow.lint.walk import in_pipeline_order
from pipeline.config.config import Config

__all__ = ["Finding", "lint"]

_GROUPS = (inputs, names, backend, placeholders, images, storage, paths, resources, training, beam, secrets)
# Each stage relies on what those before it have found to be sound.
_STAGES = (references.RULES, tuple(rule for group in _GROUPS for rule in group.RULES), origin.RULES)


def lint(compiled: CompiledPipeline, config: Config, *, parameters: Mapping[str, Any] | None = None) -> list[Finding]:
    """All findings, those of the profile first, then in the order of the pipeline; none means that it will be taken.

    A file that is no sound PipelineSpec gets the findings on its structure alone: the other rules could not read it.

    Args:
        compiled: the pipeline.
        config: with the profile of the platform.
        parameters: values for a run, judged in place of the defaults.

    Raises:
        ConfigError: the pipeline has no such parameter, or one of another type.
    """
    findings = [finding for rule in schema.RULES for finding in rule(compiled, config)]
    if findings:
        return findings
    pipeline = runtime_parameters.filled(schema.normalized(compiled), parameters or {})
    for rules in _STAGES:
        findings = [finding for rule in rules for finding in rule(pipeline, config)]
        if findings:
            return in_pipeline_order(findings, pipeline.spec)
    return []
