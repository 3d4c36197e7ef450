"""Does Vertex have the machine that trains?"""

from __future__ import annotations

from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.profile.training import JOB_RULES
from kubeflow.lint.vertex import machines
from kubeflow.lint.violation import Violation
from kubeflow.platform import platform_of
from pipeline.config.config import Config
from pipeline.config.platform.vertex import Vertex


def machine(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Vertex refuses the custom job when the Trainer starts it (.../docs/training/configure-compute)."""
    del pipeline
    training = platform_of(config, Vertex).training
    if training:
        yield from machines.violations("platform.training", training.machine_type, training.accelerator)


RULES = (machine, *JOB_RULES)
