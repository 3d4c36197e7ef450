"""What an API server and the operator check of a session cluster: ``flinkdeployments.flink.apache.org``, and pods."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import kubernetes_validate
from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr

from tests.shared.kubernetes import VERSIONS

# Flink writes 2g for Kubernetes' 2Gi; the operator takes both writings.
Memory = Annotated[str, Field(pattern=r"^[1-9][0-9]*(m|g|mb|gb|Mi|Gi)$")]


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Resource(Closed):
    cpu: StrictFloat
    memory: Memory
    ephemeralStorage: Memory | None = None  # noqa: N815


class Role(Closed):
    resource: Resource
    replicas: StrictInt | None = None
    podTemplate: dict[str, Any] | None = None  # noqa: N815


class Spec(Closed):
    """``job`` is missing on purpose: without it the cluster is a session."""

    image: StrictStr
    imagePullPolicy: Literal["Always", "IfNotPresent", "Never"] | None = None  # noqa: N815
    flinkVersion: Literal["v1_16", "v1_17", "v1_18", "v1_19", "v1_20", "v2_0", "v2_1", "v2_2"]  # noqa: N815
    mode: Literal["native", "standalone"] | None = None
    serviceAccount: StrictStr  # noqa: N815
    flinkConfiguration: dict[StrictStr, StrictStr]  # noqa: N815
    logConfiguration: dict[StrictStr, StrictStr] | None = None  # noqa: N815
    podTemplate: dict[str, Any] | None = None  # noqa: N815
    jobManager: Role  # noqa: N815
    taskManager: Role  # noqa: N815
    restartNonce: StrictInt | None = None  # noqa: N815


class Metadata(Closed):
    # The operator refuses longer ones: names of services are made of it.
    name: str = Field(pattern=r"^[a-z]([-a-z0-9]{0,43}[a-z0-9])?$")
    namespace: str | None = None
    labels: dict[str, str] = {}


class FlinkDeployment(Closed):
    apiVersion: Literal["flink.apache.org/v1beta1"]  # noqa: N815
    kind: Literal["FlinkDeployment"]
    metadata: Metadata
    spec: Spec


# What the operator sets itself and refuses in flinkConfiguration.
_TAKEN = re.compile(r"kubernetes\.(namespace|cluster-id)$|high-availability\.cluster-id$")


def check(manifest: dict[str, Any]) -> None:
    """Raises pydantic's ValidationError, or kubernetes_validate's for a pod; or AssertionError for the operator."""
    spec = FlinkDeployment.model_validate(manifest).spec
    assert not [key for key in spec.flinkConfiguration if _TAKEN.search(key)]
    assert spec.jobManager.replicas == 1 or "high-availability.type" in spec.flinkConfiguration
    for template in (spec.podTemplate, spec.jobManager.podTemplate, spec.taskManager.podTemplate):
        if template is None:
            continue
        # Flink fills in the image of its own container.
        containers = [
            {"image": spec.image, **each} if each["name"] == "flink-main-container" else each
            for each in template["spec"]["containers"]
        ]
        pod = {**template, "spec": {**template["spec"], "containers": containers}}
        for version in VERSIONS:
            assert kubernetes_validate.validate(pod, version, strict=True) == version
        mounted = {mount["name"] for each in containers for mount in each.get("volumeMounts", ())}
        assert mounted == {volume["name"] for volume in pod["spec"].get("volumes", ())}
