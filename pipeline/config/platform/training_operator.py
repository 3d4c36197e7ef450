"""Training as a TFJob of the Kubeflow Training Operator, as a part of ``platform``."""

from __future__ import annotations

from pathlib import PurePosixPath

from pydantic import Field, PositiveInt, model_validator

from components.accelerator import Accelerator
from pipeline.config.fields import Text
from pipeline.config.platform.fields import Memory, SharedPath
from pipeline.config.platform.volumes import WithVolumes
from trainer.parameters import Strict


class TrainingOperator(Strict):
    """The Trainer as a TFJob of the Kubeflow Training Operator.

    Attributes:
        workers: number of workers, including the chief.
        cpu: CPU of every worker, in cores.
        memory: memory of every worker.
        accelerator: GPUs of every worker.
        shared_folder: in a volume that many nodes can write (see ``volumes``): the examples and the model pass
            through it. An absolute path below one of their mounts.
        timeout_seconds: time limit of the whole training, in seconds.
        service_account: account of the workers' pods; None is the namespace's default. The Role that lets a pod create
            TFJobs belongs to the account of the run, ``platform.service_account``.
    """

    workers: PositiveInt = 2
    cpu: float = Field(default=4, gt=0)
    memory: Memory = "16G"
    accelerator: Accelerator | None = None
    shared_folder: SharedPath
    timeout_seconds: PositiveInt = 86_400
    service_account: Text | None = None


class WithTrainingOperator(WithVolumes):
    """What the Training Operator adds to a platform.

    Attributes:
        training: None trains in the Trainer's own task.
    """

    training: TrainingOperator | None = None

    @model_validator(mode="after")
    def _workers_share_a_volume(self) -> WithTrainingOperator:
        if self.training is not None:
            folder = PurePosixPath(self.training.shared_folder)
            if not any(folder.is_relative_to(volume.mount) for volume in self.volumes):
                raise ValueError(f"training.shared_folder: {folder} is not below a mount of volumes")
        return self
