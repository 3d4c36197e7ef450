"""The faults of profiles for Dataflow."""

from tests.kubeflow.lint.planting import Fault

DATAFLOW = "beam={runner: DataflowRunner, project: acme, region: europe-west4, temp_location: %s}"


def with_option(option: str) -> tuple[str, ...]:
    return (DATAFLOW % f"gs://acme-models/beam, {option}",)


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
        overrides=with_option("worker_image: 'acme/tfx:1'"),
    ),
    Fault("buckets.names", "beam.temp_location", "'Acme' must have", overrides=(DATAFLOW % "gs://Acme/beam",)),
    Fault(
        "dataflow.options",
        "beam.region",
        "is a zone; name its region, europe-west4",
        overrides=(DATAFLOW % "gs://acme-models/beam", "beam.region=europe-west4-a"),
    ),
    *(
        Fault("dataflow.options", f"beam.{option.partition(':')[0]}", said, overrides=with_option(option))
        for option, said in (
            ("service_account: me@acme.io", "'me@acme.io' is not the address of a service account"),
            ("machine_type: n1_standard_4", "'n1_standard_4' is not the name of a machine type"),
            ("subnetwork: default", "default does not have the form regions/REGION/subnetworks/NAME"),
        )
    ),
)
