"""The fault of a pipeline for the Training Operator that goes to Vertex."""

from tests.kubeflow.lint.planting import Fault, in_box

FAULTS = (
    Fault(
        "origin.trainer",
        "Trainer.container",
        "TFJobExecutor trains on kubeflow, but the profile is for vertex",
        kind="vertex",
        plant=in_box("Trainer", args=["--executor_class_path", "components.training_operator.executor.TFJobExecutor"]),
    ),
)
