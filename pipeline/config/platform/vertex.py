"""Vertex AI Pipelines."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from components.accelerator import Accelerator
from pipeline.config.fields import Text
from pipeline.config.platform.endpoint import WithEndpoint  # part: endpoint
from pipeline.config.platform.platform import Platform
from trainer.parameters import Strict


class CustomJob(Strict):
    """The Trainer as a Vertex custom job.

    Attributes:
        machine_type: machine type of every worker.
        accelerator: GPUs of every worker.
        workers: number of workers, including the chief; more than one trains with ``multi_worker``.
        spot: whether to use spot machines, which are cheaper and can be preempted.
        boot_disk_gb: boot disk of every worker, in GB.
        timeout_seconds: time limit of the whole training, in seconds, which holds even if the pipeline's run is gone.
    """

    machine_type: Text = "n1-standard-8"
    accelerator: Accelerator | None = None
    workers: PositiveInt = 1
    spot: bool = False
    boot_disk_gb: int = Field(default=100, ge=100)
    timeout_seconds: PositiveInt = 86_400


class Vertex(
    WithEndpoint,  # part: endpoint
    Platform,
):
    """Vertex AI Pipelines.

    Attributes:
        project: the project's id.
        region: such as ``europe-west4``.
        service_account: the account that the tasks run as.
        network: the full name of a peered network.
        encryption_key: the full name of a customer-managed key.
        training: None trains in the Trainer's own task.
    """

    kind: Literal["vertex"]
    project: Text
    region: Text
    service_account: Text | None = None
    network: Text | None = None
    encryption_key: Text | None = None
    training: CustomJob | None = None

    @model_validator(mode="after")
    def _no_webhook(self) -> Vertex:
        if self.exit_handler and self.exit_handler.webhook_env:
            raise ValueError(
                "exit_handler.webhook_env: a task on Vertex gets no environment variables from secrets; leave it out, "
                "and read the files in exit_handler.folder, for example by a Pub/Sub notification of the bucket"
            )
        return self
