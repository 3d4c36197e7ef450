"""The Kubernetes objects around the pods: configuration, addresses, scaling, disruption, network."""

from __future__ import annotations

from serving.deploy import model_server
from serving.deploy.options import DeployPlan
from serving.deploy.pod import MODELS_MAP, SETTINGS_MAP, Object, deployment, labels, map_name

# Credential servers of Google's cloud: the metadata server, and its substitute for Workload Identity.
_CREDENTIAL_SERVERS = (("169.254.169.254/32", 80), ("169.254.169.252/32", 988))


def manifests(plan: DeployPlan) -> dict[str, list[Object]]:
    """All objects, by file name."""
    files = {
        "models-config.yaml": [_config_map(plan, MODELS_MAP, _models_file(plan))],
        "settings.yaml": [_config_map(plan, SETTINGS_MAP, model_server.settings(plan))],
        "deployment.yaml": [deployment(plan)],
        "services.yaml": [_headless_service(plan), _rest_service(plan)],
        "disruption-budget.yaml": [_disruption_budget(plan)],
        "network-policy.yaml": [_network_policy(plan)],
    }
    if plan.options.replicas.max > plan.options.replicas.min:
        files["autoscaler.yaml"] = [_autoscaler(plan)]
    return files


def client_label(plan: DeployPlan) -> str:
    """The label that allows pods, with the value ``true``, to send requests."""
    return f"{plan.name}-client"


def _named(plan: DeployPlan, *, kind: str, version: str, suffix: str = "") -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": plan.name + suffix, "labels": labels(plan)}}


def _models_file(plan: DeployPlan) -> dict[str, str]:
    path = model_server.base_path(plan)
    return {model_server.MODELS_FILE: model_server.models_config(plan, path=path)}


def _config_map(plan: DeployPlan, content: str, files: dict[str, str]) -> Object:
    metadata = {"name": map_name(plan, content), "labels": labels(plan)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": files}


def _headless_service(plan: DeployPlan) -> Object:
    """Its name resolves to all ready pods, so that clients can balance requests: one connection stays with one pod."""
    ports = [{"name": "grpc", "port": model_server.GRPC_PORT, "targetPort": "grpc", "appProtocol": "kubernetes.io/h2c"}]
    return _named(plan, kind="Service", version="v1") | {
        "spec": {"clusterIP": "None", "selector": labels(plan), "ports": ports}
    }


def _rest_service(plan: DeployPlan) -> Object:
    ports = [{"name": "rest", "port": model_server.REST_PORT, "targetPort": "rest", "appProtocol": "http"}]
    return _named(plan, kind="Service", version="v1", suffix="-rest") | {
        "spec": {"type": "ClusterIP", "selector": labels(plan), "ports": ports}
    }


def _autoscaler(plan: DeployPlan) -> Object:
    replicas = plan.options.replicas
    target = {"type": "Utilization", "averageUtilization": replicas.cpu_percent}
    return _named(plan, kind="HorizontalPodAutoscaler", version="autoscaling/v2") | {
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": plan.name},
            "minReplicas": replicas.min,
            "maxReplicas": replicas.max,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        }
    }


def _disruption_budget(plan: DeployPlan) -> Object:
    return _named(plan, kind="PodDisruptionBudget", version="policy/v1") | {
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels(plan)}}
    }


def _network_policy(plan: DeployPlan) -> Object:
    """In: requests from labelled pods, metrics for Prometheus. Out: nothing, unless models are in a bucket."""
    ingress = [
        {
            "from": [{"podSelector": {"matchLabels": {client_label(plan): "true"}}}],
            "ports": [_port(model_server.GRPC_PORT), _port(model_server.REST_PORT)],
        }
    ]
    if plan.options.prometheus_namespace:
        namespace = {"matchLabels": {"kubernetes.io/metadata.name": plan.options.prometheus_namespace}}
        ingress.append({"from": [{"namespaceSelector": namespace}], "ports": [_port(model_server.REST_PORT)]})
    return _named(plan, kind="NetworkPolicy", version="networking.k8s.io/v1") | {
        "spec": {
            "podSelector": {"matchLabels": labels(plan)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": _bucket_egress() if plan.options.models.uri else [],
        }
    }


def _bucket_egress() -> list[Object]:
    """DNS, credentials, and the bucket, whose addresses change."""
    resolver = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    return [
        {"to": [resolver], "ports": [_port(53, protocol="UDP"), _port(53)]},
        *({"to": [{"ipBlock": {"cidr": cidr}}], "ports": [_port(port)]} for cidr, port in _CREDENTIAL_SERVERS),
        {"ports": [_port(443)]},
    ]


def _port(number: int, *, protocol: str = "TCP") -> Object:
    return {"protocol": protocol, "port": number}
