"""The faults of profiles for Dataflow."""

from tests.kubeflow.lint.faults.fault import Fault

DATAFLOW = "beam={runner: DataflowRunner, project: acme, region: europe-west4, temp_location: %s}"
FAULTS = (
    Fault(
        "placeholders.placeholders",
        "beam.temp_location",
        "still holds the placeholder my-bucket",
        overrides=(DATAFLOW % "gs://my-bucket/beam",),
    ),
    Fault(
        "images.unpinned",
        "beam.worker_image",
        "acme/tfx:1 is not pinned",
        overrides=(DATAFLOW % "gs://acme/beam, worker_image: 'acme/tfx:1'",),
    ),
)
