"""The fault of a pipeline for Vertex that goes to Kubeflow."""

from tests.kubeflow.lint.planting import Fault, in_box

FAULTS = (
    Fault(
        "origin.trainer",
        "Trainer.container",
        "CustomJobExecutor trains on vertex, but the profile is for kubeflow",
        plant=in_box("Trainer", args=["--executor_class_path", "components.vertex.trainer.CustomJobExecutor"]),
    ),
)
