"""A profile of Vertex without placeholders."""

from tests.kubeflow.lint.example import PIN, Example

_REGISTRY = "europe-west4-docker.pkg.dev/acme/pipelines/tfx-pipeline"

VERTEX = Example(
    image=f"{_REGISTRY}{PIN}",
    accelerator="NVIDIA_TESLA_T4",
    serving="gs://acme-models/serving",
    state="gs://acme-models/state",
    overrides=(
        "platform.project=acme",
        "platform.service_account=pipeline@acme.iam.gserviceaccount.com",
        f"platform.image={_REGISTRY}{PIN}",
        f"platform.gpu_image={_REGISTRY}-gpu{PIN}",
        "platform.root=gs://acme-models/artifacts",
        "platform.serving=gs://acme-models/serving",
        "platform.state=gs://acme-models/state",
        "platform.exit_handler.folder=gs://acme-models/state/ended",
    ),
)
