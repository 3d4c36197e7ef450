"""The Trainer as a TFJob of the Kubeflow Training Operator."""

from __future__ import annotations

from typing import Any

from components.training_operator.tfjob import TFJobOptions
from pipeline.config.config import Config
from pipeline.config.platform.kubeflow import Kubeflow, Secret
from pipeline.config.platform.training_operator import TrainingOperator
from pipeline.config.platform.volumes import Volume
from pipeline.nodes.training.remote_training import RemoteTraining


def tfjob(config: Config) -> RemoteTraining | None:
    """The job that ``platform.training`` of Kubeflow asks for, or None."""
    platform = config.platform
    if not isinstance(platform, Kubeflow) or platform.training is None:
        return None
    # It brings the Kubernetes client along, which nothing else here needs.
    from components.training_operator.executor import TFJobExecutor

    options = tfjob_options(platform, platform.training, pipeline=config.name)
    return RemoteTraining(executor=TFJobExecutor, options=options.model_dump_json())


def tfjob_options(platform: Kubeflow, training: TrainingOperator, *, pipeline: str) -> TFJobOptions:
    """The executor's options.

    Args:
        platform: the options of the platform.
        training: those of the training.
        pipeline: the pipeline's name, for the labels; those of the platform override it.
    """
    return TFJobOptions(
        namespace=platform.namespace,
        workers=training.workers,
        timeout_seconds=training.timeout_seconds,
        shared_folder=training.shared_folder,
        pod=_pod(platform, training),
        labels={"app.kubernetes.io/name": "trainer", "app.kubernetes.io/part-of": pipeline, **platform.labels},
    )


def _pod(platform: Kubeflow, training: TrainingOperator) -> dict[str, Any]:
    account = training.service_account
    optional = {
        "nodeSelector": dict(platform.node_selector),
        "tolerations": [toleration.model_dump(exclude_none=True) for toleration in platform.tolerations],
        "imagePullSecrets": [{"name": name} for name in platform.image_pull_secrets],
        "volumes": [_volume(f"volume-{index}", volume) for index, volume in enumerate(platform.volumes)],
    }
    return {
        **({"serviceAccountName": account} if account else {}),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # A worker that gets SIGTERM saves a checkpoint first.
        "terminationGracePeriodSeconds": 60,
        "containers": [_container(platform, training)],
        **{key: value for key, value in optional.items() if value},
    }


def _container(platform: Kubeflow, training: TrainingOperator) -> dict[str, Any]:
    accelerator = training.accelerator
    amounts = {"cpu": f"{training.cpu:g}", "memory": training.memory}
    if accelerator:
        amounts[accelerator.type] = str(accelerator.count)
    return {
        "name": "tensorflow",
        "image": (platform.gpu_image if accelerator else None) or platform.image,
        "env": [{"name": "PYTHONUNBUFFERED", "value": "1"}, *(env for each in platform.secrets for env in _env(each))],
        "ports": [{"name": "tfjob-port", "containerPort": 2222}],
        "resources": {"requests": amounts, "limits": amounts},
        "volumeMounts": [
            {
                "name": f"volume-{index}",
                "mountPath": volume.mount,
                **({"subPath": volume.sub_path} if volume.sub_path else {}),
            }
            for index, volume in enumerate(platform.volumes)
        ],
    }


def _volume(name: str, volume: Volume) -> dict[str, Any]:
    return {"name": name, "persistentVolumeClaim": {"claimName": volume.claim}}


def _env(secret: Secret) -> list[dict[str, Any]]:
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret.name, "key": key}}}
        for key, name in secret.env.items()
    ]
