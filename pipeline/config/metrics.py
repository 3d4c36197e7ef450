"""The metrics of each task: what a config may name, how TFMA computes it, and which way is better.

It imports neither TensorFlow nor TFMA, so a wrong name in a config is reported within a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trainer.parameters import Task


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric.

    Attributes:
        tfma_class: the class that computes it, of TFMA or of Keras.
        options: the class's options.
        higher_is_better: False for errors and losses.
        threshold: name of the option that says from which probability on a row is called positive.
        per_class: computed for each class against the rest, then averaged with equal weights. It has no value where a
            class is missing, so it is for all examples only.
    """

    tfma_class: str
    options: Mapping[str, int] = field(default_factory=dict)
    higher_is_better: bool = True
    threshold: str | None = None
    per_class: bool = False


# TFMA's default of 10,000 thresholds costs seconds with many slices; 2,000 give the same four digits.
_THRESHOLDS = {"num_thresholds": 2000}

METRICS: Mapping[Task, Mapping[str, Metric]] = {
    "binary": {
        "auc": Metric(tfma_class="AUC", options=_THRESHOLDS),
        "auc_precision_recall": Metric(tfma_class="AUCPrecisionRecall", options=_THRESHOLDS),
        "accuracy": Metric(tfma_class="BinaryAccuracy", threshold="threshold"),
        "precision": Metric(tfma_class="Precision", threshold="thresholds"),
        "recall": Metric(tfma_class="Recall", threshold="thresholds"),
    },
    "multiclass": {
        "accuracy": Metric(tfma_class="SparseCategoricalAccuracy"),
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
