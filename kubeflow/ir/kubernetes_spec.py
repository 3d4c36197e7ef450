"""The platform spec: what only Kubernetes has, such as secrets and volumes, for the pod of every task.

The fields are those of kfp's KubernetesExecutorConfig, under their JSON names; the older fields are written beside the
newer ones, for backends before 2.5.
"""

from __future__ import annotations

from typing import Any

from kubeflow.ir.pipeline_spec import CompiledPipeline
from pipeline.config.platform.kubeflow import Kubeflow, Secret
from pipeline.config.platform.platform import Platform
from pipeline.config.platform.volumes import Volume


def platform_spec(spec: dict[str, Any], platform: Platform) -> dict[str, Any] | None:
    """The ``platforms.kubernetes`` document of ``spec``; None on other platforms, or if it would be empty."""
    if not isinstance(platform, Kubeflow):
        return None
    pod = _pod(platform)
    if not pod:
        return None
    compiled = CompiledPipeline(spec=spec)
    labels = [spec["components"][node]["executorLabel"] for node, _ in compiled.containers()]
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {label: pod for label in sorted(labels)}}}}}


def _pod(platform: Kubeflow) -> dict[str, Any]:
    """The settings of every pod, without empty keys."""
    tolerations = [toleration.model_dump(exclude_none=True) for toleration in platform.tolerations]
    whole = {
        "secretAsEnv": [_secret(secret) for secret in platform.secrets],
        "pvcMount": [_volume(volume) for volume in platform.volumes],
        "nodeSelector": {"labels": dict(platform.node_selector)} if platform.node_selector else None,
        "tolerations": tolerations,
        "podMetadata": {"labels": dict(platform.labels)} if platform.labels else None,
        "imagePullSecret": [_named("secretName", name) for name in platform.image_pull_secrets],
    }
    return {key: value for key, value in whole.items() if value}


def _secret(secret: Secret) -> dict[str, Any]:
    keys = [{"secretKey": key, "envVar": variable} for key, variable in sorted(secret.env.items())]
    return {**_named("secretName", secret.name), "keyToEnv": keys}


def _volume(volume: Volume) -> dict[str, Any]:
    mount = {"mountPath": volume.mount, "constant": volume.claim, "pvcNameParameter": _constant(volume.claim)}
    return {**mount, "subPath": volume.sub_path} if volume.sub_path else mount


def _named(key: str, name: str) -> dict[str, Any]:
    return {key: name, f"{key}Parameter": _constant(name)}


def _constant(value: str) -> dict[str, Any]:
    return {"runtimeValue": {"constant": value}}
