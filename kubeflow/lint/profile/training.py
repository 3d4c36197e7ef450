"""Do the workers that train find each other, and share one batch?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from components.accelerator import Accelerator
from kubeflow.ir.pipeline_spec import CompiledPipeline
from kubeflow.lint.violation import Violation
from kubeflow.platform import platform_of
from pipeline.config.config import Config

TRAINER = "Trainer"
_STRATEGY = "trainer.loop.strategy"


def strategy_of_several(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """Each of several workers would train a model of its own (trainer/distribution/replicas.py)."""
    del pipeline
    strategy = config.trainer.loop.strategy
    if _workers(config) > 1 and strategy not in ("auto", "multi_worker"):
        what = f"is {strategy}, with {_workers(config)} workers in platform.training"
        yield Violation(where=_STRATEGY, what=what, fix="use auto, or one worker")


def strategy_of_one(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """It needs TF_CONFIG, which the platform sets for several workers only (trainer/distribution/replicas.py)."""
    del pipeline
    if _workers(config) == 1 and config.trainer.loop.strategy == "multi_worker":
        what = "is multi_worker, but only one worker trains"
        yield Violation(where=_STRATEGY, what=what, fix="use auto, or set platform.training.workers")


def idle_accelerator(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The Trainer's own task only waits for the job that trains, on Vertex or as a TFJob."""
    del pipeline
    own = platform_of(config).tasks.get(TRAINER)
    if _training(config) and own and own.accelerator:
        what = "would be idle, since the training is a job of its own"
        fix = "remove it, and set platform.training.accelerator"
        yield Violation(where=f"platform.tasks.{TRAINER}.accelerator", what=what, fix=fix)


def batch_of_replicas(pipeline: CompiledPipeline, config: Config) -> Iterator[Violation]:
    """The Trainer refuses it, hours after the start (trainer/data/batches.py)."""
    del pipeline
    training = _training(config)
    if training is None:
        return
    replicas = training.workers * (training.accelerator.count if training.accelerator else 1)
    batch = config.trainer.loop.global_batch_size
    if batch is not None and config.trainer.loop.strategy in ("auto", "multi_worker") and batch % replicas:
        what = f"{batch} is not divisible by {replicas} replicas"
        fix = f"use {-(-batch // replicas) * replicas}"
        yield Violation(where="trainer.loop.global_batch_size", what=what, fix=fix)


RULES = (strategy_of_one,)
# For each platform that can train in a job of its own.
JOB_RULES = (batch_of_replicas, strategy_of_several, idle_accelerator)


class _Training(Protocol):
    """What the jobs that train have in common."""

    @property
    def workers(self) -> int: ...

    @property
    def accelerator(self) -> Accelerator | None: ...


def _training(config: Config) -> _Training | None:
    """The job that trains; None if the Trainer's own task trains."""
    return getattr(platform_of(config), "training", None)


def _workers(config: Config) -> int:
    training = _training(config)
    return training.workers if training else 1
