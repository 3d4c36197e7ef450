"""Faults of a pipeline with its profile: placeholders, images, storage, resources, training and Beam."""

from __future__ import annotations

from tests.kubeflow.lint.faults.fault import Fault, add_importer, default, in_box, parameter, platform_executors
from tests.kubeflow.lint.pipelines import PIN, constant

GS_ROOT = "platform.root=gs://acme/root"

PLACES = (
    Fault(
        "placeholders.placeholders",
        "platform.namespace",
        "still holds the placeholder my-namespace",
        overrides=("platform.namespace=my-namespace",),
    ),
    Fault(
        "placeholders.placeholders",
        "platform.gpu_image",
        "registry.example.com and sha256:000...",
        overrides=(f"platform.gpu_image=registry.example.com/gpu@sha256:{'0' * 64}",),
    ),
    Fault(
        "placeholders.images",
        "Transform.image",
        "tfx-pipeline@sha256:000... is a placeholder",
        plant=in_box("Transform", image=f"acme/tfx-pipeline@sha256:{'0' * 64}"),
    ),
    Fault(
        "images.unpinned",
        "Transform.image",
        "acme/tfx:latest is not pinned",
        plant=in_box("Transform", image="acme/tfx:latest"),
    ),
    Fault(
        "images.unpinned",
        "Transform.image",
        "tf2-cpu.2-15:latest is not pinned",
        plant=in_box("Transform", image="europe-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest"),
    ),
    Fault("images.missing", "Transform.image", "has no image", plant=in_box("Transform", image="")),
    Fault(
        "images.stock",
        "Transform.image",
        "without this project",
        plant=in_box("Transform", image=f"tensorflow/tfx:1.21.0{PIN}"),
    ),
    Fault(
        "storage.paths_in_volumes",
        "platform.data",
        "/data is not in any of the volumes",
        overrides=("platform.data=/data",),
    ),
    Fault(
        "storage.paths_in_volumes",
        "platform.state",
        "/models/../state is not in any",
        plant=lambda pipeline: (
            parameter("Trainer", "custom_config", constant("{}"))(pipeline),
            pipeline.spec["root"]["dag"]["tasks"]["ExitNotice"]["inputs"]["parameters"].update(
                folder=constant("/models/state/ended")
            ),
        ),
        overrides=("platform.state=/models/../state",),
    ),
    Fault(
        "storage.unmounted",
        "Pusher.inputs.parameters.base_directory",
        "/models/serving/taxi is in a volume that the task does not mount",
        plant=lambda pipeline: platform_executors(pipeline).pop("Pusher_executor"),
    ),
    Fault(
        "storage.schemes",
        "ExampleGen.inputs.parameters.input_base",
        "minio://data/taxi is in a store",
        plant=default("minio://data/taxi"),
    ),
    Fault(
        "storage.web_addresses",
        "ExampleGen.inputs.parameters.input_base",
        "is a web address",
        plant=default("https://acme.io/taxi"),
    ),
    Fault("storage.imported", "Import.artifactUri", "schema/taxi cannot be mounted", plant=add_importer("schema/taxi")),
)
RESOURCES = (
    Fault(
        "resources.quantities",
        "Transform.resources.memoryLimit",
        "'16GB' is not a valid amount",
        plant=in_box("Transform", resources={"resourceMemoryLimit": "16GB"}),
    ),
    Fault(
        "resources.quantities",
        "Transform.resources.memoryLimit",
        "'512K' is not a valid amount",
        plant=in_box("Transform", resources={"resourceMemoryLimit": "512K"}),
    ),
    Fault(
        "resources.requests",
        "Transform.resources.memory",
        "above the limit",
        plant=in_box("Transform", resources={"resourceMemoryLimit": "1Gi", "resourceMemoryRequest": "2G"}),
    ),
    Fault(
        "resources.requests",
        "Transform.resources.cpu",
        "above the limit",
        plant=in_box("Transform", resources={"cpuLimit": 1.0, "cpuRequest": 2.0}),
    ),
    Fault(
        "resources.accelerators",
        "Transform.resources.accelerator",
        "NVIDIA_TESLA_T4 is not a resource of Kubernetes",
        plant=in_box("Transform", resources={"accelerator": {"type": "NVIDIA_TESLA_T4", "count": 1}}),
    ),
)
TRAINING = (
    Fault(
        "training.strategy_of_one",
        "trainer.loop.strategy",
        "is multi_worker, but only one worker trains",
        overrides=("trainer.loop.strategy=multi_worker",),
    ),
)
BEAM = (
    Fault(
        "beam.near_job_server",
        "beam.job_endpoint",
        "localhost:8099 is in the task's own container",
        plant=in_box("Transform", args=["--runner=PortableRunner", "--job_endpoint=localhost:8099"]),
        overrides=(GS_ROOT,),
    ),
    Fault(
        "beam.near_job_server",
        "beam.job_endpoint",
        "[::1]:8099 is in the task's own container",
        plant=in_box("Transform", args=["--runner", "PortableRunner", "--job_endpoint", "[::1]:8099"]),
        overrides=(GS_ROOT,),
    ),
    *(
        Fault(
            "beam.unreadable_root",
            "platform.root",
            "is a store that Beam's workers on other machines cannot open",
            plant=in_box("Transform", args=[f"--runner={runner}", "--job_endpoint=flink.beam:8099"]),
            overrides=(f"platform.root={root}",),
        )
        for runner, root in (("PortableRunner", "minio://acme/root"), ("DataflowRunner", "s3://acme/root"))
    ),
    Fault(
        "beam.losing_runner",
        "Transform.args",
        "DaskRunner: it loses data silently (whole splits were missing)",
        plant=in_box("Transform", args=["--runner=apache_beam.runners.dask.dask_runner.DaskRunner"]),
    ),
)
FAULTS = (*PLACES, *RESOURCES, *TRAINING, *BEAM)
