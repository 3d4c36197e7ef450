"""The training loop: a GradientTape step under tf.distribute, many steps per ``tf.function`` call.

The shape is orbit's (tensorflow/models): an inner loop that owns the step and never leaves the device, and
an outer loop that owns epochs, evaluation and summaries.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from trainer import input as batches
from trainer.parameters import Loop


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What the outer loop reports after each ``tf.function`` call and each evaluation.

    Attributes:
        step: steps done; ``steps`` in all.
        loss: the mean loss since the last report.
        examples_per_second: over the last call.
        eval_auc: of the eval split, after each epoch; None between.
    """

    step: int
    steps: int
    epoch: int
    loss: float
    examples_per_second: float
    eval_auc: float | None = None


class StepRunner:
    """The inner loop: owns model, optimizer and metrics, and runs N steps inside one compiled call."""

    def __init__(self, *, model: keras.Model, optimizer: keras.optimizers.Optimizer, strategy: tf.distribute.Strategy):
        self.model = model
        self._optimizer = optimizer
        self._strategy = strategy
        with strategy.scope():
            optimizer.build(model.trainable_variables)
            self._loss = keras.metrics.Mean(name="loss")
            self._eval_loss = keras.metrics.Mean(name="eval_loss")
            self._eval_auc = keras.metrics.AUC(num_thresholds=1000, name="eval_auc")

    def train(self, iterator: tf.data.Iterator, *, steps: int) -> float:
        """Run ``steps`` steps and return their mean loss."""
        self._loss.reset_state()
        self._train_steps(iterator, tf.constant(steps))
        return float(self._loss.result())

    def evaluate(self, dataset: tf.data.Dataset) -> tuple[float, float]:
        """Loss and area under the ROC curve over ``dataset``."""
        self._eval_loss.reset_state()
        self._eval_auc.reset_state()
        for features, label in dataset:
            self._eval_step(features, label)
        return float(self._eval_loss.result()), float(self._eval_auc.result())

    @tf.function(reduce_retracing=True)
    def _train_steps(self, iterator: tf.data.Iterator, steps: tf.Tensor) -> None:
        for _ in tf.range(steps):
            self._strategy.run(self._train_step, args=next(iterator))

    def _train_step(self, features: dict[str, tf.Tensor], label: tf.Tensor) -> None:
        replica = tf.distribute.get_replica_context()
        rows = replica.all_reduce(tf.distribute.ReduceOp.SUM, tf.cast(tf.shape(label)[0], tf.float32))
        with tf.GradientTape() as tape:
            losses = _losses(label, self.model(features, training=True))
            # Gradients are summed over replicas, so each replica divides by the rows of all of them.
            loss = tf.reduce_sum(losses) / rows
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self._optimizer.apply(gradients, self.model.trainable_variables)
        self._loss.update_state(losses)

    @tf.function(reduce_retracing=True)
    def _eval_step(self, features: dict[str, tf.Tensor], label: tf.Tensor) -> None:
        logits = self.model(features, training=False)
        self._eval_loss.update_state(_losses(label, logits))
        self._eval_auc.update_state(label, tf.sigmoid(logits))


def _losses(label: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Sigmoid cross-entropy per example, shape ``[batch]``, in the numerically stable form on logits."""
    return tf.squeeze(tf.nn.sigmoid_cross_entropy_with_logits(labels=label, logits=logits), axis=-1)


def choose_strategy(name: str) -> tf.distribute.Strategy:
    """The distribution strategy by its name in `Loop`; ``auto`` mirrors where there are several GPUs."""
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if name == "mirrored" or (name == "auto" and len(devices) > 1):
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.OneDeviceStrategy(devices[0].name)


def fit(
    *,
    build_model: Callable[[], keras.Model],
    train: batches.Columns,
    evaluation: batches.Columns,
    options: Loop,
    summary_dir: str,
    report: Callable[[Progress], None],
) -> keras.Model:
    """Train a model from scratch; the outer loop.

    Args:
        build_model: called once, inside the strategy's scope.
        train: the training split.
        evaluation: the eval split, looked at after every epoch.
        options: batch size, epochs, learning rate and strategy.
        summary_dir: where TensorBoard summaries go.
        report: called after each compiled call and each evaluation.

    Returns:
        The trained model.
    """
    keras.utils.set_random_seed(options.seed)
    strategy = choose_strategy(options.strategy)
    epoch_steps = batches.steps_per_epoch(train, batch_size=options.global_batch_size)
    total = epoch_steps * options.epochs
    with strategy.scope():
        model = build_model()
        schedule = keras.optimizers.schedules.CosineDecay(options.learning_rate, decay_steps=total)
        optimizer = keras.optimizers.AdamW(schedule, weight_decay=options.weight_decay)
    runner = StepRunner(model=model, optimizer=optimizer, strategy=strategy)

    dataset = batches.train_batches(train, batch_size=options.global_batch_size, seed=options.seed)
    iterator = iter(strategy.experimental_distribute_dataset(dataset))
    eval_dataset = batches.eval_batches(evaluation, batch_size=4096)
    writer = tf.summary.create_file_writer(summary_dir)
    step = 0
    with writer.as_default():
        for epoch in range(1, options.epochs + 1):
            while step < epoch * epoch_steps:
                steps = min(options.steps_per_loop, epoch * epoch_steps - step)
                start = time.perf_counter()
                loss = runner.train(iterator, steps=steps)
                step += steps
                rate = steps * options.global_batch_size / (time.perf_counter() - start)
                tf.summary.scalar("train/loss", loss, step=step)
                tf.summary.scalar("train/examples_per_second", rate, step=step)
                tf.summary.scalar("train/learning_rate", float(schedule(step)), step=step)
                report(Progress(step=step, steps=total, epoch=epoch, loss=loss, examples_per_second=rate))
            eval_loss, eval_auc = runner.evaluate(eval_dataset)
            tf.summary.scalar("eval/loss", eval_loss, step=step)
            tf.summary.scalar("eval/auc", eval_auc, step=step)
            report(
                Progress(step=step, steps=total, epoch=epoch, loss=loss, examples_per_second=rate, eval_auc=eval_auc)
            )
    return model
