"""The faults of the rule for the Training Operator."""

from __future__ import annotations

from tests.kubeflow.lint.planting import Fault

TFJOB = "platform.training={workers: 2, shared_folder: /models/shared}"

FAULTS = (
    Fault(
        "cluster.training_operator.pods",
        "platform.training.accelerator.type",
        "NVIDIA_L4 is not a resource of Kubernetes",
        overrides=(TFJOB, "platform.training.accelerator.type=NVIDIA_L4"),
    ),
    Fault(
        "cluster.training_operator.pods",
        "platform.training.memory",
        "'512K' is not a valid amount",
        overrides=(TFJOB, "platform.training.memory=512K"),
    ),
    Fault(
        "training.batch_of_replicas",
        "trainer.loop.global_batch_size",
        "127 is not divisible by 2 replicas",
        overrides=("trainer.loop.global_batch_size=127", TFJOB),
    ),
    Fault(
        "training.strategy_of_several",
        "trainer.loop.strategy",
        "is one_device, with 2 workers",
        overrides=("trainer.loop.strategy=one_device", TFJOB),
    ),
    Fault(
        "training.idle_accelerator",
        "platform.tasks.Trainer.accelerator",
        "would be idle",
        overrides=("platform.tasks.Trainer.accelerator={type: nvidia.com/gpu}", TFJOB),
    ),
)
