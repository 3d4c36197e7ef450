"""The pods, each with one hardened TF Serving container, and their Deployment."""

from __future__ import annotations

import hashlib
from typing import Any

from serving.deploy import model_server
from serving.deploy.options import DeployPlan

Object = dict[str, Any]

MODELS_MAP, SETTINGS_MAP = "models", "settings"
# The server has no SIGTERM handler, so as process 1 of a container it ignores SIGTERM: the kubelet has to kill it.
_KILL_SECONDS = 5
_PROBE_SECONDS = 5


def labels(plan: DeployPlan) -> dict[str, str]:
    """The labels that select the pods."""
    return {"app.kubernetes.io/name": "tensorflow-serving", "app.kubernetes.io/instance": plan.name}


def map_name(plan: DeployPlan, content: str) -> str:
    """The name of a ConfigMap."""
    return f"{plan.name}-{content}"


def container_security(plan: DeployPlan) -> Object:
    """The `restricted` Pod Security Standard, and a read-only root."""
    return {
        "runAsNonRoot": True,
        "runAsUser": plan.options.user,
        "runAsGroup": plan.options.user,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def resources(plan: DeployPlan) -> Object:
    """Requests and limits."""
    return plan.options.resources.model_dump()


def scratch() -> Object:
    """The only writable volume."""
    return {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}


def deployment(plan: DeployPlan) -> Object:
    """New pods are ready before old ones stop. With an autoscaler, only it sets the number of pods."""
    replicas = plan.options.replicas
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": plan.name, "labels": labels(plan)},
        "spec": {
            **({"replicas": replicas.min} if replicas.min == replicas.max else {}),
            "selector": {"matchLabels": labels(plan)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {"metadata": {"labels": labels(plan), "annotations": _annotations(plan)}, "spec": _pod(plan)},
        },
    }


def _annotations(plan: DeployPlan) -> dict[str, str]:
    """A digest of the settings, so that their change replaces the pods, and the address of the metrics."""
    text = "".join(f"{name}\n{content}" for name, content in sorted(model_server.settings(plan).items()))
    annotations = {"settings-sha256": hashlib.sha256(text.encode()).hexdigest()}
    if plan.options.prometheus_namespace:
        annotations |= {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(model_server.REST_PORT),
            "prometheus.io/path": model_server.METRICS_PATH,
        }
    return annotations


def _pod(plan: DeployPlan) -> Object:
    account = plan.options.service_account
    return {
        **({"serviceAccountName": account} if account else {}),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": plan.options.drain_seconds + _KILL_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": plan.options.user,
            "runAsGroup": plan.options.user,
            "fsGroup": plan.options.user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            _spread(plan, key) for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ],
        "containers": [_container(plan)],
        "volumes": [*_models_volume(plan), _config_volume(plan), scratch()],
    }


def _spread(plan: DeployPlan, key: str) -> Object:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels(plan)},
    }


def _container(plan: DeployPlan) -> Object:
    mounts = [
        {"name": volume["name"], "mountPath": model_server.MODELS_FOLDER, "readOnly": True}
        for volume in _models_volume(plan)
    ]
    return {
        "name": "server",
        "image": plan.options.image,
        "command": [model_server.PROGRAM],
        "args": model_server.flags(plan),
        "ports": [
            {"name": "grpc", "containerPort": model_server.GRPC_PORT},
            {"name": "rest", "containerPort": model_server.REST_PORT},
        ],
        "resources": resources(plan),
        "securityContext": container_security(plan),
        "volumeMounts": [
            *mounts,
            {"name": "config", "mountPath": model_server.CONFIG_FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
        **_probes(plan),
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(plan.options.drain_seconds)]}}},
    }


def _probes(plan: DeployPlan) -> Object:
    """Startup and readiness by the model's status; liveness by the port, so that a busy server is not killed."""
    status = {"httpGet": {"path": model_server.status_path(plan.model_name), "port": "rest"}}
    timing = {"periodSeconds": _PROBE_SECONDS, "timeoutSeconds": _PROBE_SECONDS}
    return {
        "startupProbe": {**status, **timing, "failureThreshold": -(-plan.options.start_seconds // _PROBE_SECONDS)},
        "readinessProbe": {**status, **timing, "failureThreshold": 2},
        "livenessProbe": {"tcpSocket": {"port": "grpc"}, **timing, "failureThreshold": 6},
    }


def _models_volume(plan: DeployPlan) -> list[Object]:
    models = plan.options.models
    if models.claim:
        return [{"name": "models", "persistentVolumeClaim": {"claimName": models.claim, "readOnly": True}}]
    if models.host_path:
        return [{"name": "models", "hostPath": {"path": models.host_path, "type": "Directory"}}]
    return []


def _config_volume(plan: DeployPlan) -> Object:
    """Both ConfigMaps in one folder; a restarted container sees later edits, which a subPath mount would hide."""
    sources = [{"configMap": {"name": map_name(plan, content)}} for content in (MODELS_MAP, SETTINGS_MAP)]
    return {"name": "config", "projected": {"sources": sources}}
