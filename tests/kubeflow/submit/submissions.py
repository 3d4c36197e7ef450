"""What the tests of submission share: a compiled pipeline, configurations, and a service account."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kubeflow.ir.pipeline_spec import CompiledPipeline
from pipeline.config import loading
from pipeline.config.config import Config
from tests.serving.support.certificates import Authority

CONFIG = Path("configs/taxi.yaml")


def compiled(*, platform_spec: bool = False, parameters: dict[str, Any] | None = None) -> CompiledPipeline:
    """A pipeline of one task that takes parameters of several types."""
    types = parameters or {
        "data_path": {"parameterType": "STRING", "defaultValue": "data/taxi"},
        "epochs": {"parameterType": "NUMBER_INTEGER", "defaultValue": 3},
        "rate": {"parameterType": "NUMBER_DOUBLE", "isOptional": True},
        "warm": {"parameterType": "BOOLEAN", "defaultValue": False},
        "layers": {"parameterType": "LIST", "defaultValue": []},
    }
    spec = {
        "schemaVersion": "2.1.0",
        "sdkVersion": "tfx-1.21.0",
        "pipelineInfo": {"name": "taxi"},
        "root": {
            "inputDefinitions": {"parameters": types},
            "dag": {"tasks": {"Trainer": {"taskInfo": {"name": "Trainer"}, "componentRef": {"name": "Trainer"}}}},
        },
        "components": {"Trainer": {"executorLabel": "Trainer_executor"}},
        "deploymentSpec": {
            "executors": {"Trainer_executor": {"container": {"image": "image@sha256:0", "args": ["x"]}}}
        },
    }
    kubernetes = {"deploymentSpec": {"executors": {"Trainer_executor": {"nodeSelector": {"labels": {"disk": "ssd"}}}}}}
    return CompiledPipeline(
        spec=spec, platform_spec={"platforms": {"kubernetes": kubernetes}} if platform_spec else None
    )


def config(profile: str, *overrides: str) -> Config:
    """The taxi configuration with a shipped profile, and more ``key=value`` words."""
    return loading.load(config=CONFIG, profile=profile, overrides=overrides)


def account(folder: Path, *, token_url: str) -> Path:
    """A file of federated credentials, whose tokens come from ``token_url``."""
    (folder / "subject").write_text("subject")
    path = folder / "account.json"
    content = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/locations/global/workforcePools/pool/providers/provider",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": token_url,
        "credential_source": {"file": str(folder / "subject")},
    }
    path.write_text(json.dumps(content))
    return path


def certificate(folder: Path, authority: Authority) -> Path:
    """A file with a certificate for this machine, and its key."""
    pair = authority.sign("service")
    path = folder / "service.pem"
    path.write_text(pair.certificate + pair.key)
    return path
