"""What an API server checks of a TFJob: the fields of the CRD ``tfjobs.kubeflow.org/v1``, and those of its pods."""

from __future__ import annotations

from typing import Any, Literal

import kubernetes_validate
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from tests.shared.kubernetes import VERSIONS


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RunPolicy(Closed):
    cleanPodPolicy: Literal["All", "Running", "None"] | None = None  # noqa: N815
    ttlSecondsAfterFinished: StrictInt | None = None  # noqa: N815
    activeDeadlineSeconds: StrictInt | None = None  # noqa: N815
    backoffLimit: StrictInt | None = None  # noqa: N815
    schedulingPolicy: dict[str, Any] | None = None  # noqa: N815
    suspend: StrictBool | None = None


class ReplicaSpec(Closed):
    replicas: StrictInt
    restartPolicy: Literal["Always", "OnFailure", "Never", "ExitCode"]  # noqa: N815
    template: dict[str, Any]


class TFJobSpec(Closed):
    runPolicy: RunPolicy  # noqa: N815
    successPolicy: Literal["", "AllWorkers"] | None = None  # noqa: N815
    tfReplicaSpecs: dict[Literal["Chief", "Master", "Worker", "PS", "Evaluator"], ReplicaSpec]  # noqa: N815
    enableDynamicWorker: StrictBool | None = None  # noqa: N815


class Metadata(Closed):
    name: str = Field(pattern=r"^[a-z]([-a-z0-9]{0,50}[a-z0-9])?$")
    namespace: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class TFJob(Closed):
    apiVersion: Literal["kubeflow.org/v1"]  # noqa: N815
    kind: Literal["TFJob"]
    metadata: Metadata
    spec: TFJobSpec


def check(manifest: dict[str, Any]) -> None:
    """Raises pydantic's ValidationError, or kubernetes_validate's for a pod; or AssertionError for the operator."""
    job = TFJob.model_validate(manifest)
    for replica in job.spec.tfReplicaSpecs.values():
        template = replica.template
        # The operator gives TF_CONFIG to this container, and takes the port of this name for it.
        [container] = [each for each in template["spec"]["containers"] if each["name"] == "tensorflow"]
        assert [port["containerPort"] for port in container["ports"] if port["name"] == "tfjob-port"] == [2222]
        pod = {"apiVersion": "v1", "kind": "Pod", **template}
        pod["metadata"] = {"name": "worker", **template["metadata"]}
        for version in VERSIONS:
            assert kubernetes_validate.validate(pod, version, strict=True) == version
