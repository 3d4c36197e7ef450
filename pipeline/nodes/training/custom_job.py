"""The Trainer as a custom job of Vertex AI."""

from __future__ import annotations

from components.vertex.custom_job_options import CustomJobOptions
from pipeline.config.config import Config
from pipeline.config.platform.vertex import Vertex
from pipeline.nodes.training.remote_training import RemoteTraining


def custom_job(config: Config) -> RemoteTraining | None:
    """The job that ``platform.training`` of Vertex asks for, or None."""
    platform = config.platform
    if not isinstance(platform, Vertex) or platform.training is None:
        return None
    from components.vertex.trainer import CustomJobExecutor

    training, accelerator = platform.training, platform.training.accelerator
    options = CustomJobOptions(
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
    )
    return RemoteTraining(executor=CustomJobExecutor, options=options.model_dump_json())
