"""A KServe InferenceService, for clusters where KServe runs the servers."""

from __future__ import annotations

from serving.deploy.options import DeployPlan
from serving.deploy.pod import Object, container_security, resources, scratch

# The runtime sets the ports and the program; the model is served under the InferenceService's name.
_RUNTIME, _GRPC_PORT = "kserve-tensorflow-serving", 9000
# Timeout of one request; KServe's default is 300 s.
_TIMEOUT_SECONDS = 60
# Deployments and an autoscaler on CPU; Knative scales on requests. KServe 0.16 and later call this mode Standard, but
# accept the older name, which earlier versions need.
_ANNOTATIONS = {"serving.kserve.io/deploymentMode": "RawDeployment", "serving.kserve.io/autoscalerClass": "hpa"}


def storage_uri(plan: DeployPlan) -> str | None:
    """The base path that KServe mounts or copies; None if it cannot reach the models, as on a hostPath."""
    models = plan.options.models
    if plan.options.kserve_storage_uri:
        return plan.options.kserve_storage_uri
    if models.claim:
        return f"pvc://{models.claim}/{plan.model_name}"
    return f"{models.uri}/{plan.model_name}" if models.uri else None


def inference_service(plan: DeployPlan, *, uri: str) -> Object:
    """One predictor that serves the models under ``uri`` over gRPC.

    It sets no scaleMetric: the autoscaler uses the CPU by default, and KServe 0.16 refuses ``cpu`` under the older
    name of the mode (kserve, pkg/apis/serving/v1beta1/inference_service_validation.go).
    """
    replicas = plan.options.replicas
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": plan.options.name or plan.model_object, "annotations": _ANNOTATIONS},
        "spec": {
            "predictor": {
                "minReplicas": replicas.min,
                "maxReplicas": replicas.max,
                "scaleTarget": replicas.cpu_percent,
                "timeout": _TIMEOUT_SECONDS,
                # TF Serving ignores SIGTERM, so an old pod answers until it is killed.
                "terminationGracePeriodSeconds": plan.options.drain_seconds,
                "automountServiceAccountToken": False,
                **({"serviceAccountName": plan.options.service_account} if plan.options.service_account else {}),
                "model": _model(plan, uri),
                "volumes": [scratch()],
            }
        },
    }


def _model(plan: DeployPlan, uri: str) -> Object:
    return {
        "modelFormat": {"name": "tensorflow"},
        "runtime": _RUNTIME,
        "storageUri": uri,
        "image": plan.options.image,
        # KServe opens only one port, and recognises HTTP/2 by this name.
        "ports": [{"name": "h2c", "containerPort": _GRPC_PORT, "protocol": "TCP"}],
        "resources": resources(plan),
        "securityContext": container_security(plan),
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
