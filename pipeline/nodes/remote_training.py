"""Where the Trainer hands its work to a job of its own: which executor does that, and what it is told."""

from __future__ import annotations

from dataclasses import dataclass

from tfx.dsl.components.base.base_executor import BaseExecutor

from components.vertex.custom_job_options import JobOptions
from pipeline.config.config import Config
from pipeline.config.platforms import Vertex


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """A training in another place than the Trainer's own task.

    Attributes:
        executor: runs in that task, starts the job, and waits.
        options: what it is told, as JSON.
    """

    executor: type[BaseExecutor]
    options: str


def job_of(config: Config) -> Elsewhere | None:
    """The job that ``config.platform.training`` asks for; None where the Trainer trains by itself."""
    platform = config.platform
    if platform is None or platform.training is None:
        return None
    if isinstance(platform, Vertex):
        from components.vertex.trainer import CustomJobExecutor

        return Elsewhere(executor=CustomJobExecutor, options=_custom_job(platform))
    # It brings the Kubernetes client along, which nothing else here needs.
    from components.training_operator.executor import TFJobExecutor
    from pipeline.nodes.tfjob import training_job

    options = training_job(platform, pipeline=config.name)
    return Elsewhere(executor=TFJobExecutor, options=options.model_dump_json())


def _custom_job(platform: Vertex) -> str:
    training = platform.training
    accelerator = training.accelerator
    return JobOptions(
        project=platform.project,
        region=platform.region,
        image=(platform.gpu_image if accelerator else None) or platform.image,
        machine_type=training.machine_type,
        accelerator_type=accelerator.type if accelerator else None,
        accelerator_count=accelerator.count if accelerator else 0,
        workers=training.workers,
        spot=training.spot,
        boot_disk_gb=training.boot_disk_gb,
        timeout_seconds=training.timeout_seconds,
        service_account=platform.service_account,
        network=platform.network,
        encryption_key=platform.encryption_key,
        labels=dict(platform.labels),
    ).model_dump_json()
