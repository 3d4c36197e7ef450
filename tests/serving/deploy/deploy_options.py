"""Shared by the tests of the deploy files: options, and the files rendered from them."""

import json
from typing import Any

import yaml

from pipeline.config.loading import load
from pipeline.operate.deploy_files import plan
from serving.deploy.render import render

# The oldest Kubernetes whose schemas we promise to fit, and a newer one.
VERSIONS = ("1.29", "1.34")
OPTIONS = {
    "default": {},
    "everything": {
        "image": "registry.example/tf/serving@sha256:" + "0a" * 32,
        "name": "trips",
        "models": {"host_path": "/srv/models/"},
        "versions": {"specific": [3, 7], "labels": {"stable": 3, "canary": 7}},
        "batching": {"max_batch_size": 32, "allowed_batch_sizes": [8, 32], "pad_variable_length_inputs": True},
        "replicas": {"min": 3, "max": 3},
        "resources": {"requests": {"cpu": 0.5, "memory": "512Mi"}, "limits": {"cpu": "1500m", "memory": "1Gi"}},
        "user": 1234,
        "prometheus_namespace": "monitoring",
        "host_address": "0.0.0.0",
        "kserve_storage_uri": "s3://bucket/models/taxi",
        "drain_seconds": 90,
    },
    "bucket": {"models": {"uri": "gs://bucket/models/"}, "service_account": "reader", "versions": {"latest": 2}},
}


def rendered(taxi_config, options=None, **overrides: str) -> dict[str, str]:
    words = [f"serving.deploy={json.dumps(options)}"] if options else []
    words += [f"{key.replace('__', '.')}={value}" for key, value in overrides.items()]
    return render(plan(load(config=taxi_config, profile=None, overrides=words)))


def objects(files: dict[str, str], folder: str = "kubernetes") -> dict[str, dict[str, Any]]:
    """By kind and name."""
    texts = [text for path, text in files.items() if path.startswith(folder)]
    return {f"{item['kind']} {item['metadata']['name']}": item for text in texts for item in yaml.safe_load_all(text)}


def assert_hardened(security: dict[str, Any]) -> None:
    assert security.pop("runAsUser") == security.pop("runAsGroup") > 0
    assert security == {
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
