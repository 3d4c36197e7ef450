"""The FlinkDeployment: a session cluster whose task managers have Beam's Python workers in their pods."""

from __future__ import annotations

from typing import Any

from kubeflow.flink.options import JobServerPlan, Pod
from pipeline.config.platform.kubeflow import Secret
from pipeline.config.platform.volumes import Volume

Object = dict[str, Any]

# As Flink's Kubernetes integration names them; the network policy lets them through.
DATA_PORT, TASK_MANAGER_PORT, JOB_MANAGER_PORT, BLOB_PORT, REST_PORT = 6121, 6122, 6123, 6124, 8081
# The users of Flink's image and of ours (kubeflow/images/Dockerfile).
_FLINK_USER, OUR_USER = 9999, 65532
_MAIN = "flink-main-container"


def flink_deployment(plan: JobServerPlan) -> Object:
    """A session cluster without a job: Beam's job server brings the jobs."""
    cluster = plan.cluster
    return {
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": metadata(plan, cluster.name),
        "spec": {
            "image": cluster.flink_image,
            "flinkVersion": f"v{cluster.flink_version.replace('.', '_')}",
            "mode": "native",
            "serviceAccount": cluster.account,
            "flinkConfiguration": _configuration(plan),
            "podTemplate": _template(plan, {"containers": [_main()]}),
            "jobManager": {"resource": _resource(cluster.job_manager), "replicas": 1},
            "taskManager": {
                "resource": _resource(cluster.task_manager),
                "podTemplate": _template(
                    plan, {"containers": [_main(mounts=_mounts(plan)), _worker_pool(plan)], "volumes": _volumes(plan)}
                ),
            },
        },
    }


def metadata(plan: JobServerPlan, name: str, labels: dict[str, str] | None = None) -> Object:
    """Name, namespace and labels of an object."""
    namespace = plan.platform.namespace
    return {
        "name": name,
        **({"namespace": namespace} if namespace else {}),
        "labels": {**plan.platform.labels, "app.kubernetes.io/part-of": plan.cluster.name, **(labels or {})},
    }


def container_security(user: int, *, read_only: bool = True) -> Object:
    """What the `restricted` Pod Security Standard requires of a container."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "readOnlyRootFilesystem": read_only,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def amounts(pod: Pod) -> Object:
    """Requests equal to limits, so that a worker cannot take from its neighbours."""
    each = {"cpu": f"{pod.cpu:g}", "memory": pod.memory}
    return {"requests": each, "limits": each}


def _resource(pod: Pod) -> Object:
    """Resources in Flink's notation: its m is Kubernetes' Mi."""
    return {"cpu": pod.cpu, "memory": pod.memory.removesuffix("i").lower()}


def _configuration(plan: JobServerPlan) -> dict[str, str]:
    cluster = plan.cluster
    account = plan.platform.service_account
    network = cluster.network_memory.removesuffix("i").lower()
    return {
        "taskmanager.numberOfTaskSlots": str(cluster.slots),
        "slotmanager.number-of-slots.max": str(cluster.slots * cluster.task_managers),
        # Each edge of a graph needs several buffers, so many small ones are better than few large ones.
        "taskmanager.memory.network.min": network,
        "taskmanager.memory.network.max": network,
        "taskmanager.memory.segment-size": "16kb",
        # Longer than Beam keeps the workers of a failed task for the next one, dead or alive.
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": "3",
        "restart-strategy.fixed-delay.delay": "8 s",
        "heartbeat.interval": "5000",
        "heartbeat.timeout": "30000",
        # A node that has never run the workers' image pulls several GB first.
        "slot.request.timeout": "900000",
        "resourcemanager.taskmanager-timeout": "600000",
        "taskmanager.data.port": str(DATA_PORT),
        **({"kubernetes.taskmanager.service-account": account} if account else {}),
    }


def _template(plan: JobServerPlan, spec: Object) -> Object:
    platform = plan.platform
    labels = {"labels": dict(platform.labels)} if platform.labels else {}
    optional = {
        "nodeSelector": dict(platform.node_selector),
        "tolerations": [toleration.model_dump(exclude_none=True) for toleration in platform.tolerations],
        "imagePullSecrets": [{"name": name} for name in platform.image_pull_secrets],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod-template", **labels},
        "spec": {
            "enableServiceLinks": False,
            # Files in a shared volume belong to this group, like those of the tasks' containers.
            "securityContext": {"runAsNonRoot": True, "fsGroup": OUR_USER},
            **{key: value for key, value in optional.items() if value},
            **spec,
        },
    }


def _main(*, mounts: list[Object] | None = None) -> Object:
    """Flink's own container; the operator fills in image, command and resources."""
    return {
        "name": _MAIN,
        # Flink's start-up writes below /opt/flink.
        "securityContext": container_security(_FLINK_USER, read_only=False),
        **({"volumeMounts": mounts} if mounts else {}),
    }


def _worker_pool(plan: JobServerPlan) -> Object:
    """It starts workers with the first ``python`` on PATH, the one that runs the pool."""
    probe = {"tcpSocket": {"port": "worker-pool"}, "periodSeconds": 5, "timeoutSeconds": 5}
    return {
        "name": "beam-worker-pool",
        "image": plan.platform.image,
        "command": ["python", "-m", "apache_beam.runners.worker.worker_pool_main"],
        "args": [f"--service_port={plan.pool_port}"],
        "workingDir": "/app",
        "env": [
            {"name": "PYTHONUNBUFFERED", "value": "1"},
            *(env for secret in plan.platform.secrets for env in _env(secret)),
        ],
        "ports": [{"name": "worker-pool", "containerPort": plan.pool_port}],
        "resources": amounts(plan.cluster.workers),
        "securityContext": container_security(OUR_USER),
        "readinessProbe": probe,
        "livenessProbe": {**probe, "failureThreshold": 6},
        "volumeMounts": [*_mounts(plan), {"name": "worker-tmp", "mountPath": "/tmp"}],
    }


def _mounts(plan: JobServerPlan) -> list[Object]:
    return [
        {
            "name": f"volume-{index}",
            "mountPath": volume.mount,
            **({"subPath": volume.sub_path} if volume.sub_path else {}),
        }
        for index, volume in enumerate(plan.platform.volumes)
    ]


def _volumes(plan: JobServerPlan) -> list[Object]:
    return [
        *(_volume(f"volume-{index}", volume) for index, volume in enumerate(plan.platform.volumes)),
        {"name": "worker-tmp", "emptyDir": {}},
    ]


def _volume(name: str, volume: Volume) -> Object:
    return {"name": name, "persistentVolumeClaim": {"claimName": volume.claim}}


def _env(secret: Secret) -> list[Object]:
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret.name, "key": key}}}
        for key, name in secret.env.items()
    ]
