"""A pushed model, deployed to a local Vertex AI."""

from __future__ import annotations

import json

from tfx.types import standard_artifacts

from components.vertex.endpoint.pusher import EndpointPusher
from tests.kubeflow.fakes.vertex import FakeVertex

PARENT = "projects/my-project/locations/europe-west4"
KEY = f"{PARENT}/keyRings/ring/cryptoKeys/key"
FIRST = 1_760_000_000


def push(version: int = FIRST, *, pushed: int = 1, key: str = "", folder: str = "gs://b/serving/taxi", **options):
    source, target = standard_artifacts.PushedModel(), standard_artifacts.PushedModel()
    source.set_int_custom_property("pushed", pushed)
    source.set_string_custom_property("pushed_destination", f"{folder}/{version}")
    source.set_string_custom_property("pushed_version", str(version))
    EndpointPusher.EXECUTOR_SPEC.executor_class._FUNCTION(
        pushed_model=source,
        deployed_model=target,
        options=json.dumps({"display_name": "Taxi tips", "serving_image": "image:1", **options}),
        project="my-project",
        region="europe-west4",
        model_name="Taxi",
        encryption_key=key,
    )
    return target


def endpoint_of(service: FakeVertex) -> dict:
    (endpoint,) = service.endpoints.values()
    return endpoint


def deployed(service: FakeVertex) -> list[str]:
    return [each["id"] for each in endpoint_of(service)["deployedModels"]]
