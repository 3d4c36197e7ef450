"""Images, places and machines."""

from tests.kubeflow.lint.pipelines import PIN, constant
from tests.kubeflow.lint.planting import (
    CHECKPOINTS,
    GS_ROOT,
    Fault,
    add_importer,
    default,
    distributed,
    in_box,
    parameter,
    platform_executors,
)

PROFILE = (
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

PATHS = (
    Fault(
        "paths.local",
        "ExampleGen.inputs.parameters.input_base",
        "/home/me/data is a path of this machine",
        plant=default("/home/me/data"),
    ),
    Fault(
        "paths.local",
        f"Trainer.inputs.parameters.{CHECKPOINTS}",
        "/models2/checkpoints is a path",
        plant=parameter("Trainer", "custom_config", constant('{"checkpoints": "/models2/checkpoints"}')),
    ),
    Fault(
        "paths.local",
        "ExampleGen.inputs.parameters.input_base",
        "../data is a path of this machine",
        plant=default("../data"),
    ),
    Fault(
        "paths.arguments",
        "Transform.args",
        "--setup_file=/home/me/setup.py names a path",
        plant=in_box("Transform", args=["--runner=FnApiRunner", "--setup_file=/home/me/setup.py"]),
    ),
    Fault(
        "paths.environment",
        "Transform.env.GOOGLE_APPLICATION_CREDENTIALS",
        "/home/me/key.json is a path",
        plant=in_box("Transform", env=[{"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": "/home/me/key.json"}]),
    ),
    Fault(
        "paths.outside_image",
        "ExampleGen.inputs.parameters.input_base",
        "tests/data is not in the image",
        plant=default("tests/data"),
    ),
    Fault(
        "paths.not_in_project",
        "ExampleGen.inputs.parameters.input_base",
        "data/taxis is not in the project's folder",
        plant=default("data/taxis"),
    ),
    Fault(
        "paths.far_from_workers",
        "ExampleGen.inputs.parameters.input_base",
        "DataflowRunner reads it on other machines",
        plant=distributed,
        overrides=(GS_ROOT,),
    ),
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

FAULTS = (*PROFILE, *PATHS, *RESOURCES, *TRAINING)
