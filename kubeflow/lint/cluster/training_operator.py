"""Can the Training Operator make the pods that train?"""

from __future__ import annotations

from collections.abc import Iterator

from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.profile.resources import accelerator_name, amount
from kubeflow.lint.profile.training import JOB_RULES
from kubeflow.lint.violation import Violation
from pipeline.config.config import Config
from pipeline.config.platform.training_operator import WithTrainingOperator


def pods(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The operator could make no pods of the TFJob, and the Trainer would wait for its whole time limit."""
    del pipeline
    training = config.platform.training if isinstance(config.platform, WithTrainingOperator) else None
    if training is None:
        return
    if amount(training.memory, config) is None:
        what, fix = f"{training.memory!r} is not a valid amount", "write it as 16G or 512Mi"
        yield Violation(where="platform.training.memory", what=what, fix=fix)
    if training.accelerator:
        yield from accelerator_name("platform.training.accelerator.type", training.accelerator.type)


RULES = (pods, *JOB_RULES)
