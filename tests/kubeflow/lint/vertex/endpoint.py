"""The faults of the rules for a Vertex endpoint."""

from __future__ import annotations

from functools import partial

from tests.kubeflow.lint.example import PIN
from tests.kubeflow.lint.planting import Fault


def with_endpoint(text: str) -> tuple[str, ...]:
    return (f"platform.endpoint={{display_name: taxi, serving_image: acme/serving{PIN}, {text}}}",)


fault = partial(Fault, kind="vertex")

FAULTS = (
    fault(
        "vertex.endpoint.image",
        "platform.endpoint.serving_image",
        "is not pinned by its digest",
        overrides=("platform.endpoint={display_name: taxi, serving_image: acme/serving}",),
    ),
    *(
        fault(
            "vertex.endpoint.image",
            "platform.endpoint.serving_image",
            "is not pinned by its digest",
            overrides=(f"platform.endpoint={{display_name: taxi, serving_image: '{image}'}}",),
        )
        for image in (
            "europe-docker.pkg.dev/acme/prediction/tf2-cpu.2-15:latest",
            "docker.io/vertex-ai/prediction/tf2-cpu.2-15:latest",
            "europe-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15",
        )
    ),
    fault(
        "vertex.endpoint.machine",
        "platform.endpoint",
        "there is no n1-standard-3",
        overrides=with_endpoint("machine_type: n1-standard-3"),
    ),
)
