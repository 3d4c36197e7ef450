"""The heads of the three tasks: loss, served outputs, and metrics while training.

A model yields logits ``[batch, units]``; the head of its task turns them into a loss and into predictions. An ensemble
yields ``[batch, members, units]``: its loss is the mean of its members' losses, its prediction the mean of theirs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import keras
import tensorflow as tf

from trainer.labels.config import Label
from trainer.models.outcome import TargetScale, Threshold
from trainer.objectives.chosen import DEFAULTS, Chosen, mean_of, one_per_row
from trainer.parameters import LOSS

# Names of the served outputs.
PROBABILITY = "probability"
PROBABILITIES = "probabilities"
PREDICTION = "prediction"
PREDICTED_CLASS = "predicted_class"


@dataclass(frozen=True, kw_only=True)
class Head(ABC):
    """The head of a task.

    Attributes:
        units: int, width of the logits.
        output: name of the served output.
        monitor: the metric that ranks models.
        score_name: name of the mean of `score`.
        higher_is_better: whether a higher value of the task's own metrics is better.
        chosen: loss and metrics beside the task's own.
    """

    units: int
    output: str
    monitor: str
    score_name: str
    higher_is_better: bool = True
    chosen: Chosen = DEFAULTS

    def losses(self, label: tf.Tensor, logits: tf.Tensor, *, smoothing: float = 0.0) -> tf.Tensor:
        """The loss of each example, float32 ``[batch]``.

        Args:
            label: float32 or int64 ``[batch, 1]`` from preprocessing.
            logits: float ``[batch, units]``, or ``[batch, members, units]``.
            smoothing: share of a label, in [0, 1), that is spread evenly over all classes.
        """
        logits = tf.cast(logits, tf.float32)
        if logits.shape.rank == 2:
            return self._of_rows(label, logits, smoothing)
        members = logits.shape[1]
        of_members = self._of_rows(tf.repeat(label, members, axis=0), tf.reshape(logits, [-1, self.units]), smoothing)
        return tf.reduce_mean(tf.reshape(of_members, [-1, members]), axis=1)

    def _of_rows(self, label: tf.Tensor, logits: tf.Tensor, smoothing: float) -> tf.Tensor:
        if self.chosen.loss is None:
            return self._losses(label, logits, smoothing)
        return one_per_row(self.chosen.loss(*self._compared(label, logits, smoothing)), what="trainer.loss")

    def predictions(self, logits: tf.Tensor) -> tf.Tensor:
        """The served output, float32 ``[batch, units]``, from logits."""
        predictions = self._predictions(tf.cast(logits, tf.float32))
        return predictions if logits.shape.rank == 2 else tf.reduce_mean(predictions, axis=1)

    @abstractmethod
    def _losses(self, label: tf.Tensor, logits: tf.Tensor, smoothing: float) -> tf.Tensor:
        """The loss of each example, float32 ``[batch]``, of float32 logits ``[batch, units]``."""

    @abstractmethod
    def _compared(self, label: tf.Tensor, logits: tf.Tensor, smoothing: float) -> tuple[tf.Tensor, tf.Tensor]:
        """Target and output as a chosen loss gets them, float32 ``[batch, units]`` both."""

    @abstractmethod
    def _predictions(self, logits: tf.Tensor) -> tf.Tensor:
        """Predictions of float32 logits, of the same shape."""

    def outputs(self, predictions: tf.Tensor) -> dict[str, tf.Tensor]:
        """Everything that is served, by name, from `predictions`."""
        return {self.output: predictions}

    @abstractmethod
    def score(self, label: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """The cheap training metric of each example, float32 ``[batch]``."""

    def metrics(self) -> list[keras.metrics.Metric]:
        """Fresh metrics of predictions against labels: the task's own, then the chosen ones."""
        chosen = [mean_of(function, name=name) for name, function in self.chosen.metrics.items()]
        return [*self._metrics(), *chosen]

    @abstractmethod
    def _metrics(self) -> list[keras.metrics.Metric]:
        """Fresh metrics of the task."""

    @property
    def watched(self) -> str:
        """The figure that ranks models where the options name none.

        A loss chosen for a regression has a minimum of its own, which the task's metrics do not know.
        """
        return LOSS if self.chosen.loss is not None and not self.higher_is_better else self.monitor

    def better_if_higher(self, figure: str) -> bool:
        """Whether a higher value of one of the figures is better."""
        return figure != LOSS and self.chosen.higher_is_better.get(figure, self.higher_is_better)


@dataclass(frozen=True, kw_only=True)
class BinaryHead(Head):
    """A probability; sigmoid cross-entropy in its stable form on logits.

    Attributes:
        threshold: the probability from which on a row is called positive.
        names: names of both classes, to be served beside the probability; None serves the probability alone.
    """

    units: int = 1
    output: str = PROBABILITY
    monitor: str = "auc"
    score_name: str = "accuracy"
    threshold: float = 0.5
    names: tuple[str, ...] | None = None

    def _losses(self, label: tf.Tensor, logits: tf.Tensor, smoothing: float) -> tf.Tensor:
        """Sigmoid cross-entropy."""
        target, logits = self._compared(label, logits, smoothing)
        return tf.nn.sigmoid_cross_entropy_with_logits(labels=target, logits=logits)[:, 0]

    def _compared(self, label: tf.Tensor, logits: tf.Tensor, smoothing: float) -> tuple[tf.Tensor, tf.Tensor]:
        """The label and the logit."""
        return tf.cast(label, tf.float32) * (1 - smoothing) + smoothing / 2, logits

    def _predictions(self, logits: tf.Tensor) -> tf.Tensor:
        """The probability of label 1."""
        return tf.sigmoid(logits)

    def outputs(self, predictions: tf.Tensor) -> dict[str, tf.Tensor]:
        """The probability, and the name of the predicted class, string ``[batch, 1]``, where a threshold is set."""
        served = super().outputs(predictions)
        if self.names is not None:
            # As Keras' and TFMA's BinaryAccuracy, which count a probability equal to the threshold as negative.
            negative, positive = self.names
            served[PREDICTED_CLASS] = tf.where(predictions > self.threshold, positive, negative)
        return served

    def score(self, label: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """1 where the predicted class is the label."""
        positive = self.predictions(logits)[:, 0] > self.threshold
        return tf.cast(tf.equal(positive, tf.cast(label[:, 0], tf.float32) > 0.5), tf.float32)

    def _metrics(self) -> list[keras.metrics.Metric]:
        """Area under the ROC curve, and accuracy at the threshold."""
        return [
            keras.metrics.AUC(num_thresholds=1000, name="auc"),
            keras.metrics.BinaryAccuracy(threshold=self.threshold, name="accuracy"),
        ]


@dataclass(frozen=True, kw_only=True)
class MulticlassHead(Head):
    """A probability per class; softmax cross-entropy."""

    output: str = PROBABILITIES
    monitor: str = "accuracy"
    score_name: str = "accuracy"

    def _losses(self, label: tf.Tensor, logits: tf.Tensor, smoothing: float) -> tf.Tensor:
        """Softmax cross-entropy."""
        target, logits = self._compared(label, logits, smoothing)
        return tf.nn.softmax_cross_entropy_with_logits(labels=target, logits=logits)

    def _compared(self, label: tf.Tensor, logits: tf.Tensor, smoothing: float) -> tuple[tf.Tensor, tf.Tensor]:
        """The class as one-hot, and the logits."""
        target = tf.one_hot(tf.cast(label[:, 0], tf.int32), self.units) * (1 - smoothing) + smoothing / self.units
        return target, logits

    def _predictions(self, logits: tf.Tensor) -> tf.Tensor:
        """The probability of each class."""
        return tf.nn.softmax(logits)

    def score(self, label: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """1 where the most probable class is the label."""
        best = tf.argmax(self.predictions(logits), axis=-1, output_type=tf.int32)
        return tf.cast(tf.equal(best, tf.cast(label[:, 0], tf.int32)), tf.float32)

    def _metrics(self) -> list[keras.metrics.Metric]:
        """Accuracy."""
        return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]


@dataclass(frozen=True, kw_only=True)
class RegressionHead(Head):
    """A number; squared error on the standardised scale.

    The model's last layer, `TargetScale`, has left that scale already.

    Attributes:
        log: whether the model yields the logarithm of 1 + the number.
        mean: of the training rows' labels, or of their logarithms.
        std: their standard deviation.
    """

    units: int = 1
    output: str = PREDICTION
    monitor: str = "mean_absolute_error"
    score_name: str = "mean_absolute_error"
    higher_is_better: bool = False
    log: bool = False
    mean: float = 0.0
    std: float = 1.0

    def _losses(self, label: tf.Tensor, logits: tf.Tensor, smoothing: float) -> tf.Tensor:
        """The squared error in standard deviations; there are no classes to smooth over."""
        del smoothing
        return tf.square((logits - self._target(label)) / self.std)[:, 0]

    def _compared(self, label: tf.Tensor, logits: tf.Tensor, smoothing: float) -> tuple[tf.Tensor, tf.Tensor]:
        """Both on the standardised scale."""
        del smoothing
        return (self._target(label) - self.mean) / self.std, (logits - self.mean) / self.std

    def _target(self, label: tf.Tensor) -> tf.Tensor:
        label = tf.cast(label, tf.float32)
        return tf.math.log1p(label) if self.log else label

    def _predictions(self, logits: tf.Tensor) -> tf.Tensor:
        """The number in the label's own unit."""
        # Not expm1, which TF Lite does not have.
        return tf.exp(logits) - 1.0 if self.log else logits

    def score(self, label: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """The absolute error in the label's own unit."""
        return tf.abs(self.predictions(logits) - tf.cast(label, tf.float32))[:, 0]

    def _metrics(self) -> list[keras.metrics.Metric]:
        """Mean absolute error and root mean squared error."""
        return [
            keras.metrics.MeanAbsoluteError(name="mean_absolute_error"),
            keras.metrics.RootMeanSquaredError(name="root_mean_squared_error"),
        ]


def head_of(label: Label, learnt: keras.layers.Layer | None = None, *, chosen: Chosen = DEFAULTS) -> Head:
    """The head of a label's task.

    Args:
        label: names the task.
        learnt: the layer with the learnt scale or threshold, `trainer.models.outcome.outcome_of` the trained model; a
            loss and a predicted class need it.
        chosen: loss and metrics beside the task's own.
    """
    if label.task == "multiclass":
        return MulticlassHead(units=len(label.class_names()), chosen=chosen)
    if label.task == "regression":
        mean, std = (learnt.mean, learnt.std) if isinstance(learnt, TargetScale) else (0.0, 1.0)
        return RegressionHead(log=label.log, mean=mean, std=std, chosen=chosen)
    if label.threshold is None:
        return BinaryHead(chosen=chosen)
    given = label.threshold if isinstance(label.threshold, float) else 0.5
    threshold = float(learnt.probability.numpy()) if isinstance(learnt, Threshold) and learnt.built else given
    return BinaryHead(threshold=threshold, names=label.class_names(), chosen=chosen)
