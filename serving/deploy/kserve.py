"""A KServe InferenceService, for clusters where KServe runs the servers."""

from __future__ import annotations

from serving.deploy.options import Plan
from serving.deploy.pod import Object, container_security, environment, resources, scratch

# The ports and the program are the runtime's; it calls the model by the InferenceService's name.
_RUNTIME, _GRPC_PORT = "kserve-tensorflow-serving", 9000
# TF Serving does not end on SIGTERM; KServe's default would keep each old pod for 300 s.
_TIMEOUT_SECONDS = 60


def storage_uri(plan: Plan) -> str | None:
    """The base path that KServe copies into the pod; None where it cannot reach the models: it knows no hostPath."""
    models = plan.options.models
    if plan.options.kserve_storage_uri:
        return plan.options.kserve_storage_uri
    if models.claim:
        return f"pvc://{models.claim}/{plan.model_name}"
    return f"{models.uri}/{plan.model_name}" if models.uri else None


def inference_service(plan: Plan, *, uri: str) -> Object:
    """One predictor that serves what lies under ``uri``, over gRPC."""
    replicas = plan.options.replicas
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": plan.options.name or plan.model_object},
        "spec": {
            "predictor": {
                "minReplicas": replicas.min,
                "maxReplicas": replicas.max,
                "scaleMetric": "cpu",
                "scaleTarget": replicas.cpu_percent,
                "timeout": _TIMEOUT_SECONDS,
                "automountServiceAccountToken": False,
                **({"serviceAccountName": plan.options.service_account} if plan.options.service_account else {}),
                "model": _model(plan, uri),
                "volumes": [scratch()],
            }
        },
    }


def _model(plan: Plan, uri: str) -> Object:
    return {
        "modelFormat": {"name": "tensorflow"},
        "runtime": _RUNTIME,
        "storageUri": uri,
        "image": plan.options.image,
        "env": environment(),
        # KServe opens one port only, and tells HTTP/2 by this name.
        "ports": [{"name": "h2c", "containerPort": _GRPC_PORT, "protocol": "TCP"}],
        "resources": resources(plan),
        "securityContext": container_security(plan),
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
