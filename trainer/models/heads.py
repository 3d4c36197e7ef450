"""The heads of the three tasks: loss, served outputs, and metrics of the eval split.

A model yields logits ``[batch, units]``; the head of its task turns them into a loss and into predictions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import keras
import tensorflow as tf

from trainer.parameters import Label

# Names of the served outputs.
PROBABILITY = "probability"
PROBABILITIES = "probabilities"
PREDICTION = "prediction"


@dataclass(frozen=True, kw_only=True)
class Head(ABC):
    """The head of a task.

    Attributes:
        units: int, width of the logits.
        output: name of the served output.
        monitor: the metric that ranks models.
        score_name: name of the mean of `score`.
        higher_is_better: whether a higher value of ``monitor`` is better.
    """

    units: int
    output: str
    monitor: str
    score_name: str
    higher_is_better: bool = True

    @abstractmethod
    def losses(self, label: tf.Tensor, logits: tf.Tensor, *, smoothing: float = 0.0) -> tf.Tensor:
        """The loss of each example, float32 ``[batch]``.

        Args:
            label: float32 or int64 ``[batch, 1]`` from preprocessing.
            logits: float ``[batch, units]``.
            smoothing: share of a label, in [0, 1), that is spread evenly over all classes.
        """

    @abstractmethod
    def predictions(self, logits: tf.Tensor) -> tf.Tensor:
        """The served output, float32 ``[batch, units]``, from logits."""

    @abstractmethod
    def score(self, label: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """The cheap training metric of each example, float32 ``[batch]``."""

    @abstractmethod
    def metrics(self) -> list[keras.metrics.Metric]:
        """Fresh metrics of predictions against labels; `monitor` is among them."""


@dataclass(frozen=True, kw_only=True)
class BinaryHead(Head):
    """A probability; sigmoid cross-entropy in its stable form on logits."""

    units: int = 1
    output: str = PROBABILITY
    monitor: str = "auc"
    score_name: str = "accuracy"

    def losses(self, label: tf.Tensor, logits: tf.Tensor, *, smoothing: float = 0.0) -> tf.Tensor:
        """Sigmoid cross-entropy."""
        target = tf.cast(label, tf.float32) * (1 - smoothing) + smoothing / 2
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=tf.cast(logits, tf.float32))[:, 0]

    def predictions(self, logits: tf.Tensor) -> tf.Tensor:
        """The probability of label 1."""
        return tf.sigmoid(tf.cast(logits, tf.float32))

    def score(self, label: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """1 where the more probable class is the label."""
        return tf.cast(tf.equal(logits[:, 0] > 0, tf.cast(label[:, 0], tf.float32) > 0.5), tf.float32)

    def metrics(self) -> list[keras.metrics.Metric]:
        """Area under the ROC curve, and accuracy at one half."""
        return [keras.metrics.AUC(num_thresholds=1000, name="auc"), keras.metrics.BinaryAccuracy(name="accuracy")]


@dataclass(frozen=True, kw_only=True)
class MulticlassHead(Head):
    """A probability per class; softmax cross-entropy."""

    output: str = PROBABILITIES
    monitor: str = "accuracy"
    score_name: str = "accuracy"

    def losses(self, label: tf.Tensor, logits: tf.Tensor, *, smoothing: float = 0.0) -> tf.Tensor:
        """Softmax cross-entropy."""
        target = tf.one_hot(tf.cast(label[:, 0], tf.int32), self.units) * (1 - smoothing) + smoothing / self.units
        return tf.nn.softmax_cross_entropy_with_logits(labels=target, logits=tf.cast(logits, tf.float32))

    def predictions(self, logits: tf.Tensor) -> tf.Tensor:
        """The probability of each class."""
        return tf.nn.softmax(tf.cast(logits, tf.float32))

    def score(self, label: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """1 where the most probable class is the label."""
        best = tf.argmax(logits, axis=-1, output_type=tf.int32)
        return tf.cast(tf.equal(best, tf.cast(label[:, 0], tf.int32)), tf.float32)

    def metrics(self) -> list[keras.metrics.Metric]:
        """Accuracy."""
        return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]


@dataclass(frozen=True, kw_only=True)
class RegressionHead(Head):
    """A number; squared error."""

    units: int = 1
    output: str = PREDICTION
    monitor: str = "mean_absolute_error"
    score_name: str = "mean_absolute_error"
    higher_is_better: bool = False

    def losses(self, label: tf.Tensor, logits: tf.Tensor, *, smoothing: float = 0.0) -> tf.Tensor:
        """The squared error; there are no classes to smooth over."""
        del smoothing
        return tf.square(tf.cast(logits, tf.float32) - tf.cast(label, tf.float32))[:, 0]

    def predictions(self, logits: tf.Tensor) -> tf.Tensor:
        """The number itself."""
        return tf.cast(logits, tf.float32)

    def score(self, label: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """The absolute error."""
        return tf.abs(tf.cast(logits, tf.float32) - tf.cast(label, tf.float32))[:, 0]

    def metrics(self) -> list[keras.metrics.Metric]:
        """Mean absolute error and root mean squared error."""
        return [
            keras.metrics.MeanAbsoluteError(name="mean_absolute_error"),
            keras.metrics.RootMeanSquaredError(name="root_mean_squared_error"),
        ]


def head_of(label: Label) -> Head:
    """The head of a label's task."""
    if label.task == "binary":
        return BinaryHead()
    if label.task == "multiclass":
        return MulticlassHead(units=len(label.class_names()))
    return RegressionHead()


def class_weight_table(label: Label, weights: Mapping[str, float]) -> tf.Tensor | None:
    """Weights by class id, float32 ``[classes]``; None if no class has a weight of its own.

    Args:
        label: names the classes.
        weights: by class name; classes not named weigh 1.

    Raises:
        ValueError: there is no class of that name.
    """
    names = label.class_names()
    unknown = sorted(set(weights) - set(names))
    if unknown:
        raise ValueError(f"class_weights: there is no class {unknown[0]!r}; the classes are {', '.join(names)}.")
    return tf.constant([weights.get(name, 1.0) for name in names]) if weights else None
