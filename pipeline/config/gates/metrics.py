"""The metrics of each task: what a config may name, how TFMA computes it, and which way is better.

It imports neither TensorFlow nor TFMA, so a wrong name in a config is reported within a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trainer.parameters import Parameters, Task

# The option that is a whole number.
TOP_K = "k"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric.

    Attributes:
        tfma_class: the class that computes it, of TFMA or of Keras.
        module: of one of our own.
        options: the class's options.
        higher_is_better: False for errors and losses.
        threshold: name of the option that says from which probability on a row is called positive.
        at: name of the option that a limit gives as ``at``: a share, or a whole number for ``k``.
        per_class: computed for each class against the rest, then averaged with equal weights. It has no value where a
            class is missing, so it is for all examples only.
    """

    tfma_class: str
    module: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    higher_is_better: bool = True
    threshold: str | None = None
    at: str | None = None
    per_class: bool = False

    def problem_at(self, at: float | None) -> str | None:
        """Why the metric cannot be computed at a limit's ``at``; None where it can."""
        if self.at is None:
            return None if at is None else "it has no such option; leave it out"
        if at is None:
            return f"say at which {self.at}, such as {'at: 3' if self.at == TOP_K else 'at: 0.8'}"
        if self.at == TOP_K:
            return None if at >= 1 and at == int(at) else f"{at:g} is no number of classes"
        return None if 0 < at < 1 else f"{at:g} is no share between 0 and 1"


# TFMA's default of 10,000 thresholds costs seconds with many slices; 2,000 give the same four digits.
_THRESHOLDS = {"num_thresholds": 2000}

METRICS: Mapping[Task, Mapping[str, Metric]] = {
    "binary": {
        "auc": Metric(tfma_class="AUC", options=_THRESHOLDS),
        "auc_precision_recall": Metric(tfma_class="AUCPrecisionRecall", options=_THRESHOLDS),
        "accuracy": Metric(tfma_class="BinaryAccuracy", threshold="threshold"),
        "precision": Metric(tfma_class="Precision", threshold="thresholds"),
        "recall": Metric(tfma_class="Recall", threshold="thresholds"),
        "precision_at_recall": Metric(tfma_class="PrecisionAtRecall", options=_THRESHOLDS, at="recall"),
        "recall_at_precision": Metric(tfma_class="RecallAtPrecision", options=_THRESHOLDS, at="precision"),
        "calibration_error": Metric(
            tfma_class="CalibrationError", module="components.evaluator.calibration_error", higher_is_better=False
        ),
    },
    "multiclass": {
        "accuracy": Metric(tfma_class="SparseCategoricalAccuracy"),
        "top_k_accuracy": Metric(tfma_class="SparseTopKCategoricalAccuracy", at=TOP_K),
        # TFMA's own CategoricalCrossEntropy takes one-hot labels, and returns a wrong number for class ids.
        "cross_entropy": Metric(tfma_class="SparseCategoricalCrossentropy", higher_is_better=False),
        "auc": Metric(tfma_class="AUC", options=_THRESHOLDS, per_class=True),
        "auc_precision_recall": Metric(tfma_class="AUCPrecisionRecall", options=_THRESHOLDS, per_class=True),
        "precision": Metric(tfma_class="Precision", per_class=True),
        "recall": Metric(tfma_class="Recall", per_class=True),
        "f1": Metric(tfma_class="F1Score", per_class=True),
    },
    "regression": {
        "mean_absolute_error": Metric(tfma_class="MeanAbsoluteError", higher_is_better=False),
        "root_mean_squared_error": Metric(tfma_class="RootMeanSquaredError", higher_is_better=False),
        # Not R²: TFMA has none, and cannot run Keras' R2Score, whose weights are not there before the first batch.
        "squared_correlation": Metric(tfma_class="SquaredPearsonCorrelation"),
    },
}

# The class that computes a metric of the config's own; its options say which function.
OWN_MODULE, OWN_CLASS = "components.evaluator.own_metric", "MeanOfFunction"


def known_metrics(parameters: Parameters) -> Mapping[str, Metric]:
    """The metrics by name: those of the label's task, and those that ``trainer.metrics`` adds."""
    own = {
        name: Metric(
            tfma_class=OWN_CLASS,
            module=OWN_MODULE,
            options={"function": metric.model_dump_json()},
            higher_is_better=metric.higher_is_better,
        )
        for name, metric in parameters.metrics.items()
    }
    return {**METRICS[parameters.label.task], **own}


# Computed and shown whether they have a limit or not.
SHOWN: Mapping[Task, tuple[str, ...]] = {
    "binary": ("auc", "accuracy"),
    "multiclass": ("accuracy", "cross_entropy"),
    "regression": ("mean_absolute_error", "root_mean_squared_error"),
}

# Slices are compared by these: they have a value even where all labels of a slice are equal.
PRIMARY: Mapping[Task, str] = {
    "binary": "accuracy",
    "multiclass": "accuracy",
    "regression": "mean_absolute_error",
}

# What tells that a served model no longer fits the data. Cross entropy has no upper end.
SERVED: Mapping[Task, tuple[str, ...]] = {
    "binary": ("auc", "accuracy"),
    "multiclass": ("accuracy",),
    "regression": ("mean_absolute_error",),
}
