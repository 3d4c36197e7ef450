"""Beam's job server for the Flink cluster: a Deployment, its Service, and who may reach what."""

from __future__ import annotations

from collections.abc import Iterable

from kubeflow.flink import session
from kubeflow.flink.options import JobServerPlan
from kubeflow.flink.session import Object

ARTIFACT_PORT, EXPANSION_PORT = 8098, 8097
# Kubeflow Pipelines puts it on every pod of a run.
_TASKS = {"pipelines.kubeflow.org/v2_component": "true"}


def deployment(plan: JobServerPlan) -> Object:
    """A single replica, even during updates: it keeps the jobs in memory."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": session.metadata(plan, plan.service, _selector(plan)),
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": _selector(plan)},
            "template": {"metadata": {"labels": {**plan.platform.labels, **_selector(plan)}}, "spec": _pod(plan)},
        },
    }


def service(plan: JobServerPlan) -> Object:
    """The name under which clients find the job server, and under which it offers a job's files."""
    ports = [
        {"name": name, "port": port, "targetPort": name, "appProtocol": "kubernetes.io/h2c"}
        for name, port in _ports(plan).items()
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": session.metadata(plan, plan.service, _selector(plan)),
        "spec": {"type": "ClusterIP", "selector": _selector(plan), "ports": ports},
    }


def network_policies(plan: JobServerPlan) -> list[Object]:
    """Only tasks of a run and pods with the client's label may send jobs.

    A worker pool starts any command and checks no identity, so no other pod may reach it.
    """
    flink = {"app": plan.cluster.name}
    clients = [{"podSelector": {"matchLabels": labels}} for labels in (_TASKS, {f"{plan.service}-client": "true"})]
    between = range(session.DATA_PORT, session.BLOB_PORT + 1)
    operator = {"matchLabels": {"kubernetes.io/metadata.name": plan.cluster.operator_namespace}}
    rest = [{"podSelector": {"matchLabels": _selector(plan)}}, {"namespaceSelector": operator}]
    return [
        _policy(plan, plan.service, _selector(plan), [_rule(clients, _ports(plan).values())]),
        _policy(
            plan,
            plan.cluster.name,
            flink,
            [
                _rule([{"podSelector": {"matchLabels": flink}}], [*between, session.REST_PORT]),
                _rule(rest, [session.REST_PORT]),
            ],
        ),
    ]


def _ports(plan: JobServerPlan) -> dict[str, int]:
    return {"jobs": plan.job_port, "artifacts": ARTIFACT_PORT}


def _selector(plan: JobServerPlan) -> dict[str, str]:
    return {"app.kubernetes.io/name": "beam-job-server", "app.kubernetes.io/instance": plan.service}


def _pod(plan: JobServerPlan) -> Object:
    probe = {"tcpSocket": {"port": "jobs"}, "periodSeconds": 5, "timeoutSeconds": 5}
    secrets = [{"name": name} for name in plan.platform.image_pull_secrets]
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"runAsNonRoot": True},
        # It binds its expansion service, which is unused here, to the address of its host name; the address of a
        # Service does not belong to the pod.
        "hostAliases": [{"ip": "127.0.0.1", "hostnames": [plan.host]}],
        **({"imagePullSecrets": secrets} if secrets else {}),
        "containers": [
            {
                "name": "job-server",
                "image": plan.cluster.beam_image,
                "args": [
                    # The operator's name for the cluster's REST API.
                    f"--flink-master={plan.cluster.name}-rest:{session.REST_PORT}",
                    # It listens on all addresses for jobs and files; clients get this name for the files.
                    f"--job-host={plan.host}",
                    f"--job-port={plan.job_port}",
                    f"--artifact-port={ARTIFACT_PORT}",
                    f"--expansion-port={EXPANSION_PORT}",
                    # The workers have all code in their image and fetch none of these files, so it is not shared.
                    "--artifacts-dir=/tmp/beam-artifacts",
                ],
                "env": [{"name": "JAVA_TOOL_OPTIONS", "value": "-XX:MaxRAMPercentage=70"}],
                "ports": [{"name": name, "containerPort": port} for name, port in _ports(plan).items()],
                "resources": session.amounts(plan.cluster.job_server),
                "securityContext": session.container_security(session.OUR_USER),
                "startupProbe": {**probe, "failureThreshold": 24},
                "readinessProbe": probe,
                "livenessProbe": {**probe, "failureThreshold": 6},
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }


def _policy(plan: JobServerPlan, name: str, pods: dict[str, str], ingress: list[Object]) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": session.metadata(plan, name),
        "spec": {"podSelector": {"matchLabels": pods}, "policyTypes": ["Ingress"], "ingress": ingress},
    }


def _rule(sources: list[Object], ports: Iterable[int]) -> Object:
    return {"from": sources, "ports": [{"protocol": "TCP", "port": port} for port in ports]}
